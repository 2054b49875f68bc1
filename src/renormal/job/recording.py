"""The record of a finished job, and its line in the log."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from renormal.contracts import REPAIRED
from renormal.data.looks import colours_of
from renormal.job.environment import commit, device_name, precision_of, versions
from renormal.lit.datamodule import SourceData
from renormal.lit.stage import Found, Work
from renormal.report.record import REGIONS, SCORES, Record
from renormal.report.typed import typed

NAMES = (  # keys of names, which a record holds as text
    *("name", "category", "model.name", "model.label", "model.paper", "data.name", "data.category"),
    *("logger.wandb.project", "logger.wandb.entity"),
)


def record_of(
    config: DictConfig,
    work: Work,
    found: Found,
    training: dict[str, float | None],
    seconds: dict[str, float],
    hashes: dict[str, str],
    examination: dict[str, Any],
) -> Record:
    """The record. training: numbers of the clock. seconds: by stage. hashes: of config and data.

    examination: see `examined`, and the shapes of the training photographs.
    """
    config = with_text(config)
    resolved: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return Record(
        name=config.name,
        model=config.model.name,
        category=work.data.source.name,
        kind=work.data.source.kind,
        seed=config.seed,
        metrics=dict(found.metrics),
        undefined=dict(found.undefined),
        maps=dict(found.maps),
        projections=dict(found.projections),
        seconds=seconds,
        training=training,
        data=_data(config, work.data) | examination,
        device=_device(config, work.trainer),
        versions=versions(),
        commit=commit(),
        command=typed(_overrides()) if HydraConfig.initialized() else {},
        config=resolved,
        hashes=hashes,
        curves=dict(found.curves),
        choice=dict(found.choice),
        inspection=dict(found.inspection),
        panels=list(found.panels),
    )


def _overrides() -> list[str]:
    """What was typed, with the folders of further yamls: without them the command does not compose."""
    given: Any = OmegaConf.to_container(HydraConfig.get().overrides)  # as typed: ${…} stays
    return [*given["task"], *(line for line in given["hydra"] if line.startswith("hydra.searchpath="))]


def with_text(config: DictConfig) -> DictConfig:
    """The config with names as text, in a copy: Hydra reads name=5 as a number."""
    numbers = {key: value for key in NAMES if isinstance(value := OmegaConf.select(config, key), int | float)}
    if not numbers:
        return config
    copy = deepcopy(config)
    OmegaConf.set_readonly(copy, False)
    for key, value in numbers.items():
        OmegaConf.update(copy, key, str(value))
    return copy


def _data(config: DictConfig, data: SourceData) -> dict[str, Any]:
    good = data.test.defects.count("good")
    return {
        "train_images": len(data.training),
        "test_good": good,
        "test_defective": len(data.test.defects) - good,
        "size": data.size,
        "channels": data.channels,
        "bits": data.bits,
        "fit": data.source.fit,
        "colours": "" if data.channels == 1 and config.data.channels else colours_of(data.training.numpy()),
        "regions": REGIONS,
        "scores": SCORES,
        "note": config.data.notes.get(data.source.name, ""),
    }


def _device(config: DictConfig, trainer: L.Trainer) -> dict[str, Any]:
    return {
        "name": device_name(trainer.strategy.root_device),
        "type": trainer.strategy.root_device.type,
        "threads": torch.get_num_threads(),
        "precision": precision_of(config),
        "count": trainer.world_size,
    }


def headline(found: Found) -> str:
    """The pixel AUROC of each method; without one, the image AUROC, the PSNR in the first kind of hole or the Fréchet
    distance; without any number, the reason."""
    holes = [f"/{key.removeprefix(REPAIRED)}_psnr_hole" for key in found.curves]
    nouns = ["/pixel_auroc", "/image_auroc", *holes, "/frechet_z"]
    values_of = {noun: {key: value for key, value in found.metrics.items() if key.endswith(noun)} for noun in nouns}
    noun = next((noun for noun in nouns if values_of[noun]), None)
    if noun is None:
        return "; ".join(dict.fromkeys(found.undefined.values())) or "nothing was tested"
    named = noun.strip("/").replace("_", " ").replace("auroc", "AUROC")
    values = ", ".join(f"{key.split('/')[0]} {value:.3f}" for key, value in values_of[noun].items())
    return f"{named} {values}"
