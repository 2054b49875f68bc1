"""Weights on disk: where a training goes on from, and what a test alone reads."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from renormal.lit.module import AutoencoderModule
from renormal.lit.training_clock import TrainingClock
from renormal.recipe import same_weights

log = logging.getLogger("renormal")


def checkpoint_of(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of ours. Raises ValueError with one line that names the file."""
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        _ = content["state_dict"], content["hyper_parameters"]["fingerprint"]
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no checkpoint of renormal, or damaged: delete it and train again") from error
    return content


def resume_from(config: DictConfig, folder: Path, hashes: dict[str, str]) -> Path | None:
    """The checkpoint of an interrupted run of the same recipe. One of another recipe is kept under another name."""
    path = checkpoint_of(folder)
    if config.rerun or not path.is_file():
        return None
    content = read_checkpoint(path)
    found = content["hyper_parameters"]["fingerprint"]
    if found == hashes["training"]:
        log.info("going on after %d epochs of %s", content["epoch"] + 1, path)
        return path
    aside = path.with_name(f"other-{found[:8]}.ckpt")
    path.replace(aside)
    log.warning("the checkpoint there belongs to another config: kept as %s, training starts anew", aside)
    return None


def load(module: AutoencoderModule, clock: TrainingClock, config: DictConfig, folder: Path, training_hash: str) -> str:
    """The weights and the clock of an earlier training, and the hash of its recipe."""
    path = Path(config.checkpoint) if config.checkpoint else checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: train first (stages=[train,test]), or give checkpoint=/path/to/it")
    content = read_checkpoint(path)
    found: str = content["hyper_parameters"]["fingerprint"]
    if not config.checkpoint and not same_weights(found, training_hash):
        raise ValueError(f"{path} was trained with another config: repeat that config, or give checkpoint={path}")
    try:
        module.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise ValueError(f"{path} does not fit model={config.model.name} on {config.data.category}: {first}") from error
    if state := content["callbacks"].get(clock.state_key):
        clock.load_state_dict(state)
    return found
