"""A training budget that depends on the processor: without bfloat16 an epoch takes twice the time or more."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.functional.processor import has_gpu, native_bfloat16

PRECISIONS = {"bfloat16": "bf16-mixed", "float32": "32-true"}  # of a descent → of its training


def kind_here() -> str:
    """Which answer of a budget such as {bfloat16: 64, float32: 32} this machine has. A GPU takes the larger one."""
    return "bfloat16" if native_bfloat16() or has_gpu() else "float32"


def epochs_here(asked: Any) -> Any:
    """The epochs of this machine: the resolver of conf/experiment/table1_hour.yaml. A number is the same on all."""
    return asked.get(kind_here()) if isinstance(asked, Mapping) else asked


def two_answers(config: DictConfig) -> dict[str, int]:
    """{"bfloat16": epochs, "float32": epochs} where the budget decides trainer.max_epochs here; else empty."""
    asked = config.get("budget", {}).get(config.model.name)
    if not isinstance(asked, Mapping) or asked.get(kind_here()) != config.trainer.max_epochs:
        return {}
    return {str(kind): int(epochs) for kind, epochs in asked.items()}


def on_other_kind(config: DictConfig) -> DictConfig | None:
    """The resolved config of the same command on the other kind of processor: its epochs, and what auto means there.

    None where the budget is the same everywhere. A record of either answers.
    """
    epochs = two_answers(config)
    if not epochs:
        return None
    (kind,) = epochs.keys() - {kind_here()}
    other = deepcopy(config)
    OmegaConf.set_readonly(other, False)
    other.trainer.max_epochs = epochs[kind]
    if other.trainer.precision == "auto":
        other.trainer.precision = PRECISIONS[kind]
    for descent in other.projections.values():
        if descent.get("precision") == "auto":
            descent.precision = kind
    return other
