"""What a finished job says of itself: its record, and a line of the log."""

from __future__ import annotations

from dataclasses import replace

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from renormal.choose.choose import Choose
from renormal.job.environment import commit, device_name, precision_of, versions
from renormal.lit.datamodule import SourceData
from renormal.lit.inpaint import Inpainting
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.sample import Sampling
from renormal.lit.training_clock import TrainingClock
from renormal.report.record import Record
from renormal.report.repairs import PREFIX


def record_of(
    config: DictConfig,
    data: SourceData,
    trainer: L.Trainer,
    callback: ProjectionCallback,
    clock: TrainingClock,
    seconds: dict[str, float],
    hashes: dict[str, str],
    choice: Choose | None,
) -> Record:
    """Everything that the report and a reader a year later will ask for."""
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    good = data.test.defects.count("good")
    return Record(
        name=config.name,
        model=config.model.name,
        category=data.source.name,
        kind=data.source.kind,
        seed=config.seed,
        metrics=callback.metrics,
        projections=callback.reports,
        seconds=seconds,
        training=clock.report(),
        data={
            "train_images": len(data.training),
            "test_good": good,
            "test_defective": len(data.test.defects) - good,
            "size": data.size,
            "channels": data.channels,
            "fit": data.source.fit,
            "note": config.data.notes.get(data.source.name, ""),
        },
        device={
            "name": device_name(trainer.strategy.root_device),
            "type": trainer.strategy.root_device.type,
            "threads": torch.get_num_threads(),
            "precision": precision_of(config),
            "count": trainer.world_size,
        },
        versions=versions(),
        commit=commit(),
        config={str(key): value for key, value in resolved.items()},
        hashes=hashes,
        curves={
            name: {**(callback.curves[name].values() if name in callback.curves else {}), **details}
            for name, details in callback.details.items()
        },
        choice=choice.content if choice else {},
        panels=callback.panels,
    )


def completed(record: Record, inpainting: Inpainting | None, sampling: Sampling | None) -> Record:
    """The record with what the stages inpaint and sample found."""
    if inpainting is not None:
        sheets = {f"{PREFIX}{kind}": entry for kind, entry in inpainting.sheets.items()}
        reports = {
            name: record.projections.get(name, {}) | inpainting.reports.get(name, {})
            for name in {**record.projections, **inpainting.reports}
        }
        metrics = record.metrics | inpainting.metrics
        record = replace(record, metrics=metrics, projections=reports, curves=record.curves | sheets)
    return record if sampling is None else replace(record, metrics=record.metrics | sampling.metrics)


def headline(record: Record) -> str:
    """Each method's pixel AUROC in a line; else PSNR in the first kind of hole, or the distance of new codes."""
    nouns = ["/pixel_auroc", *(f"/{key.removeprefix(PREFIX)}_psnr_hole" for key in record.curves), "/frechet_z"]
    found = {noun: {key: value for key, value in record.metrics.items() if key.endswith(noun)} for noun in nouns}
    noun = next((noun for noun in nouns if found[noun]), nouns[0])
    named = noun.strip("/").replace("_", " ").replace("auroc", "AUROC")
    values = ", ".join(f"{key.split('/')[0]} {value:.3f}" for key, value in found[noun].items())
    return f"{named} {values or 'undefined, no masks'}"
