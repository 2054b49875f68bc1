"""Checkpoints on disk: resume a training, or load trained weights for a test."""

from __future__ import annotations

import logging
import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from renormal.job.digests import same_weights, same_work
from renormal.job.training_size import epochs_in, lack_of
from renormal.lit.module import AutoencoderModule
from renormal.lit.training_clock import TrainingClock

log = logging.getLogger("renormal")


def checkpoint_of(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint that renormal wrote. Raises ValueError for any other file."""
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        _ = content["state_dict"], content["hyper_parameters"]["fingerprint"]
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no checkpoint of renormal, or damaged: delete it and train again") from error
    return content


def resume_from(config: DictConfig, folder: Path, fingerprint: str) -> Path | None:
    """The checkpoint of an interrupted training with this fingerprint, None without one. Others are renamed."""
    path = checkpoint_of(folder)
    if config.rerun or not path.is_file():
        return None
    content = read_checkpoint(path)
    found = content["hyper_parameters"]["fingerprint"]
    whole = epochs_in(content, config) == content["epoch"] + 1  # else nobody knows which images are missing
    if same_work(found, fingerprint) and whole:
        log.info("going on after %d epochs of %s", content["epoch"] + 1, path)
        return path
    aside = path.with_name(f"other-{found[:8]}.ckpt")
    path.replace(aside)
    why = "ends within an epoch" if same_work(found, fingerprint) else "belongs to another config"
    log.warning("the checkpoint there %s: kept as %s, training starts from the beginning", why, aside)
    return None


def load(module: AutoencoderModule, clock: TrainingClock, config: DictConfig, folder: Path, training_hash: str) -> str:
    """Load the weights and the clock of an earlier training, and return its fingerprint."""
    path = given(config)[0] if config.checkpoint else checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: train first (stages=[train,test]), or give checkpoint=/path/to/it")
    content = read_checkpoint(path)
    found: str = content["hyper_parameters"]["fingerprint"]
    if not config.checkpoint and not same_weights(found, training_hash):
        raise ValueError(f"{path} was trained with another config: repeat that config, or give checkpoint={path}")
    if lack := lack_of(content, config):
        if not config.checkpoint:
            raise ValueError(f"{path} {lack}: finish that training, or give checkpoint={path}")
        if same_weights(found, training_hash):
            log.warning("%s %s", path, lack)
    _fill(module, content, path, config)
    if state := content["callbacks"].get(clock.state_key):
        clock.load_state_dict(state)
    return found


def load_others(module: AutoencoderModule, config: DictConfig) -> list[nn.Module]:
    """A copy of the model for each further path of checkpoint=, with the weights of that checkpoint."""
    others: list[nn.Module] = []
    for path in given(config)[1:]:
        other = deepcopy(module)
        _fill(other, read_checkpoint(path), path, config)
        others.append(other.model)
    return others


def given(config: DictConfig) -> list[Path]:
    """The paths of checkpoint=, which may be one path, a list, or null."""
    paths = config.checkpoint if OmegaConf.is_list(config.checkpoint) else [config.checkpoint]
    return [Path(path) for path in paths if path]


def _fill(module: AutoencoderModule, content: dict[str, Any], path: Path, config: DictConfig) -> None:
    try:
        module.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise ValueError(f"{path} does not fit model={config.model.name} on {config.data.category}: {first}") from error
