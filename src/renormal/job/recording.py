"""What a finished job says of itself: its record, and a line of the log."""

from __future__ import annotations

import torch
from omegaconf import DictConfig, OmegaConf

from renormal.contracts import REPAIRED
from renormal.job.environment import commit, device_name, precision_of, versions
from renormal.lit.stage import Found, Work
from renormal.report.record import Record


def record_of(
    config: DictConfig,
    work: Work,
    found: Found,
    training: dict[str, float | None],
    seconds: dict[str, float],
    hashes: dict[str, str],
) -> Record:
    """What the stages found, and everything that decided it.

    training: images, seconds and last losses of the training. seconds: by stage. hashes: of the config.
    """
    trainer, data = work.trainer, work.data
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    good = data.test.defects.count("good")
    return Record(
        name=config.name,
        model=config.model.name,
        category=data.source.name,
        kind=data.source.kind,
        seed=config.seed,
        metrics=dict(found.metrics),
        projections=dict(found.projections),
        seconds=seconds,
        training=training,
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
        curves=dict(found.curves),
        choice=dict(found.choice),
        panels=list(found.panels),
    )


def headline(record: Record) -> str:
    """Each method's pixel AUROC in a line; else PSNR in the first kind of hole, or the distance of new codes."""
    nouns = ["/pixel_auroc", *(f"/{key.removeprefix(REPAIRED)}_psnr_hole" for key in record.curves), "/frechet_z"]
    found = {noun: {key: value for key, value in record.metrics.items() if key.endswith(noun)} for noun in nouns}
    noun = next((noun for noun in nouns if found[noun]), nouns[0])
    named = noun.strip("/").replace("_", " ").replace("auroc", "AUROC")
    values = ", ".join(f"{key.split('/')[0]} {value:.3f}" for key, value in found[noun].items())
    return f"{named} {values or 'undefined, no masks'}"
