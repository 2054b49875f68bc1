"""Go on from a checkpoint whose parts may be missing or of another training: one line, before the first batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from renormal.job.checkpoint_file import MEND, faults_of_fit, is_number, read_checkpoint, reason, tensors_in
from renormal.job.training_size import LENGTH
from renormal.lit.adversarial import AdversarialModule
from renormal.lit.module import AutoencoderModule, OptimizerFactory
from renormal.lit.training_clock import TrainingClock
from renormal.lit.training_length import TrainingLength, fault_of_length

PROGRESS = ("epoch_progress", "epoch_loop.batch_progress")  # of Lightning's loop over epochs
UNKNOWN = {"a weight": "that the network does not have"}  # no state is like it
LIGHTNING = (LookupError, TypeError, AttributeError, RuntimeError, ValueError, AssertionError, ArithmeticError)


@contextmanager
def continued(
    path: Path | None, trainer: L.Trainer, module: AutoencoderModule, length: TrainingLength, clock: TrainingClock
) -> Iterator[None]:
    """Raise ValueError for a checkpoint with which the block, a training, cannot begin. Nothing without a path.

    The length of the training is taken from the checkpoint: Lightning asks for it before it reads the checkpoint.
    """
    if path is None:
        yield
        return
    content = read_checkpoint(path)
    if fault := next(faults_of_training(content, trainer, module), None):
        raise ValueError(f"{path} cannot be continued: {fault}: {MEND}")
    length.load_state_dict(content["callbacks"].get(LENGTH) or {})
    images = content["callbacks"].get(clock.state_key, {}).get("images", 0)
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (*LIGHTNING, MisconfigurationException) as error:
        if clock.images > images or (clock.start and type(error) is ValueError):
            raise  # of the training itself
        raise ValueError(f"{path} cannot be continued: {reason(error)}: {MEND}") from error


def faults_of_training(content: Mapping[str, Any], trainer: L.Trainer, module: AutoencoderModule) -> Iterator[str]:
    """Parts that a training goes on from and that are missing or have another shape."""
    yield from faults_of_fit(content["state_dict"], module)
    loop = content["loops"].get("fit_loop") if isinstance(content.get("loops"), dict) else None
    if not isinstance(loop, dict) or any(key not in loop for key in PROGRESS):
        yield "loops.fit_loop is missing"
        return
    for key, fresh in trainer.fit_loop.state_dict().items():
        if key in loop and unlike(loop[key], fresh):
            yield f"loops.fit_loop.{key} has another shape"
    if LENGTH in content["callbacks"] and (fault := fault_of_length(content["callbacks"][LENGTH])):
        yield f"callbacks.{LENGTH}.{fault}"
    for key, states in fresh_states(module).items():
        found = content.get(key)
        if not isinstance(found, list):
            yield f"{key} is missing"
        elif len(found) != len(states):
            yield f"{key} has {len(found)} entries, and {len(states)} are expected"
        elif any(unlike(one, like(one, fresh, states)) for one, fresh in zip(found, states, strict=True)):
            yield f"{key} has another shape"
        elif any(not bool(tensor.isfinite().all()) for _, tensor in tensors_in(found) or []):
            yield f"{key} is not finite"


def fresh_states(module: AutoencoderModule) -> dict[str, list[Any]]:
    """The states of the module's optimizers and schedulers after one step: torch reads memory by such shapes."""
    parts: list[tuple[OptimizerFactory, nn.Module]] = [(module.optimizer_factory, module.model)]
    if isinstance(module, AdversarialModule):
        parts = [(module.factories[name], player.weights) for name, player in module.model.players().items()]
    states: dict[str, list[Any]] = {"optimizer_states": [], "lr_schedulers": []}
    for factory, network in parts:
        copies = [nn.Parameter(weight.detach().clone()) for weight in network.parameters()]
        optimizer = factory(copies)
        if module.scheduler_factory is not None:
            states["lr_schedulers"].append(module.scheduler_factory(optimizer, total_steps=2).state_dict())
        for copy in copies:
            copy.grad = torch.zeros_like(copy)
        optimizer.step()
        states["optimizer_states"].append(optimizer.state_dict())
    return states


def like(found: Any, fresh: dict[str, Any], states: list[Any]) -> dict[str, Any]:
    """A fresh state without the moments that the found one need not have: a weight may have had no gradient yet."""
    moments = found.get("state") if isinstance(found, dict) else None
    if "state" not in fresh or not isinstance(moments, dict) or not (moments or len(states) > 1):
        return fresh
    return fresh | {"state": {index: fresh["state"].get(index, UNKNOWN) for index in moments}}


def unlike(found: Any, fresh: Any) -> bool:
    """Whether a state lacks a part of a fresh one, or has it of another kind. It may have further parts."""
    if isinstance(fresh, Mapping):
        return not isinstance(found, Mapping) or any(
            key not in found or unlike(found[key], value) for key, value in fresh.items()
        )
    if isinstance(fresh, list | tuple):
        kinds = isinstance(found, list | tuple) and len(found) == len(fresh)
        return not kinds or any(unlike(*pair) for pair in zip(found, fresh, strict=True))
    if isinstance(fresh, torch.Tensor):
        return not isinstance(found, torch.Tensor) or (found.shape, found.dtype) != (fresh.shape, fresh.dtype)
    if isinstance(fresh, int | float) and not isinstance(fresh, bool):
        return not is_number(found) or (found < 0 <= fresh)
    return not isinstance(found, type(fresh)) if isinstance(fresh, bool | str) else False
