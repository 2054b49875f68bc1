"""What a finished job says of itself: its record, and a line of the log."""

from __future__ import annotations

from dataclasses import replace

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from renormal.calibrate import Calibration
from renormal.lit.datamodule import SourceData
from renormal.lit.inpainting import Inpainting
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.training_clock import TrainingClock
from renormal.machine import commit, device_name, precision_of, versions
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
    calibration: Calibration | None,
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
        calibration=calibration.content if calibration else {},
        panels=callback.panels,
    )


def with_repairs(record: Record, inpainting: Inpainting | None) -> Record:
    """The record with what the stage inpaint found."""
    if inpainting is None:
        return record
    sheets = {f"{PREFIX}{kind}": entry for kind, entry in inpainting.sheets.items()}
    reports = {**record.projections, **inpainting.reports}
    return replace(
        record, metrics=record.metrics | inpainting.metrics, projections=reports, curves=record.curves | sheets
    )


def headline(record: Record, inpainting: Inpainting | None) -> str:
    """Each method's pixel AUROC in a line; of repairs the PSNR."""
    noun = "/pixel_auroc" if inpainting is None else f"/{next(iter(inpainting.holes))}_psnr_hole"
    held = record.metrics | (inpainting.metrics if inpainting else {})
    values = {key.split("/")[0]: value for key, value in held.items() if key.endswith(noun)}
    named = noun.strip("/").replace("_", " ").replace("auroc", "AUROC")
    return f"{named} " + (", ".join(f"{name} {value:.3f}" for name, value in values.items()) or "undefined, no masks")
