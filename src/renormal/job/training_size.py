"""How much a training has seen, and how much its config asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from renormal.console.text import counted
from renormal.job.processes import process_count
from renormal.report.neutral import is_neutral

CUTS = ("limit_train_batches", "overfit_batches", "fast_dev_run", "max_steps")  # each asks for other batches
CLOCK, LENGTH = "TrainingClock", "TrainingLength"  # names of their states in a checkpoint


def images_asked(config: DictConfig, *, epochs: int | None = None, processes: int | None = None) -> int | None:
    """Images of so many epochs, all by default. None where the config limits the batches in another way."""
    trainer = config.trainer
    if any(not is_neutral(f"trainer.{key}", trainer.get(key)) for key in CUTS):
        return None
    batch = int(config.batch_size) * (processes or process_count(config))
    count = int(trainer.max_epochs) if epochs is None else epochs
    return count * max(1, int(config.data.epoch_images) // batch) * batch


def epochs_in(content: Mapping[str, Any], config: DictConfig) -> float:
    """Epochs in a checkpoint. One that was cut short counts by its images: Lightning counts it as a whole one."""
    begun = int(content["epoch"]) + 1
    clock = content["callbacks"].get(CLOCK, {})
    asked = clock.get("epoch_images", 0) * begun or images_asked(config, epochs=begun)
    if not asked or "images" not in clock:
        return begun
    return float(min(begun, begun * clock["images"] / asked))


def amount_of(epochs: float, config: DictConfig) -> str:
    """So many epochs as text: in images, or in epochs where the config limits the batches in another way."""
    each = images_asked(config, epochs=1)
    return counted(epochs, "epoch") if each is None else counted(round(epochs * each), "image")


def lack_of(content: dict[str, Any], config: DictConfig) -> str:
    """A clause for messages if a checkpoint has fewer epochs than its config asks for; else empty."""
    steps, planned = config.trainer.get("max_steps", -1), content["callbacks"].get(LENGTH) or {}
    wanted = planned.get("epochs", config.trainer.max_epochs or 0)
    epochs = epochs_in(content, config)
    if epochs >= wanted or 0 <= steps <= content["global_step"]:
        return ""
    return f"has {epochs:.4g} of {wanted} epochs"
