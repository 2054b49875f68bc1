"""Checkpoints on disk: resume a training, or load trained weights for a test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.random import fork_rng

from renormal.files import RECORD
from renormal.job.checkpoint_file import fitted, read_checkpoint
from renormal.job.digests import same_weights, same_work
from renormal.job.other_config import former_checkpoints, put_aside, put_aside_others
from renormal.job.training_size import amount_of, epochs_in, lack_of
from renormal.lit.module import WITHIN, AutoencoderModule
from renormal.lit.training_clock import TrainingClock
from renormal.lit.weights import DIGEST, digest_of_weights
from renormal.report.record import Record, read_record

log = logging.getLogger("renormal")


def checkpoint_of(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def resume_from(config: DictConfig, folder: Path, fingerprint: str) -> Path | None:
    """The checkpoint of an earlier training with this fingerprint, None without one. Others are renamed.

    One that was renamed when the folder was used for another config is taken back.
    """
    path = checkpoint_of(folder)
    if config.rerun:
        put_aside_others(path, fingerprint)
        return None
    there = read_checkpoint(path) if path.exists() or path.is_symlink() else None
    if there is None or not goes_on(there, config, fingerprint):
        there = _taken_back(path, there, config, fingerprint)
    return None if there is None else going_on(path, there, config)


def restore(config: DictConfig, folder: Path, fingerprint: str) -> bool:
    """Take the checkpoint of a finished job back, if a training of another config has put it aside and did not end.

    Otherwise the job's record would lie beside the weights of the other config. Returns whether it was taken back.
    """
    path = checkpoint_of(folder)
    if next(former_checkpoints(path, fingerprint), None) is None:
        return False
    there = read_checkpoint(path) if path.exists() or path.is_symlink() else None
    if there is not None and goes_on(there, config, fingerprint):
        return False
    return _taken_back(path, there, config, fingerprint) is not None


def _taken_back(path: Path, there: dict[str, Any] | None, config: DictConfig, fingerprint: str) -> Any:
    """The content of the checkpoint that was put aside, now at `path`; None without one. `there` is put aside."""
    former = ((at, one) for at, one in former_checkpoints(path, fingerprint) if goes_on(one, config, fingerprint))
    back = next(former, None)
    if there:
        found = there["hyper_parameters"]["fingerprint"]
        why = "ends within an epoch" if same_work(found, fingerprint) else "belongs to another config"
        then = "" if back else ", training starts from the beginning"
        log.warning("the checkpoint there %s: kept as %s%s", why, put_aside(path, found), then)
    if back is None:
        return None
    back[0].replace(path)
    log.info("the checkpoint of this config was kept as %s: taken back", back[0])
    return back[1]


def goes_on(content: Mapping[str, Any], config: DictConfig, fingerprint: str) -> bool:
    """Whether a training with this fingerprint can go on from the checkpoint.

    Before checkpoints kept what an epoch needs to go on, a training that trainer.max_time had stopped counted a part of
    an epoch as a whole one. Nobody knows which images are missing there.
    """
    whole = WITHIN in content or epochs_in(content, config) == content["epoch"] + 1
    return same_work(content["hyper_parameters"]["fingerprint"], fingerprint) and whole


def going_on(path: Path, content: Mapping[str, Any], config: DictConfig) -> Path:
    if DIGEST not in content:
        log.warning("%s is of an older version and has no digest: nobody can see whether it was changed", path)
    log.info("going on after %s of %s", amount_of(epochs_in(content, config), config), path)
    return path


def amount_saved(config: DictConfig, folder: Path) -> str:
    """The images that a training goes on after, should it end now."""
    path = checkpoint_of(folder)
    return amount_of(epochs_in(read_checkpoint(path), config) if path.is_file() else 0, config)


def load(module: AutoencoderModule, clock: TrainingClock, config: DictConfig, folder: Path, training_hash: str) -> str:
    """Load the weights and the clock of an earlier training, and return its fingerprint."""
    path = given(config)[0] if config.checkpoint else checkpoint_of(folder)
    if not path.exists():
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
    if not config.rerun and (record := record_next_to(path)):
        check_recorded(content, path, record)
    _fill(module, content, path, config)
    if state := content["callbacks"].get(clock.state_key):
        clock.load_state_dict(state)
    return found


def check_files(config: DictConfig) -> None:
    """Raise ValueError if a path of checkpoint= holds no weights. It needs neither the network nor an image."""
    for path in given(config):
        try:
            read_checkpoint(path)
        except ValueError as error:
            raise ValueError(f"checkpoint={error}") from error


def check_fit(config: DictConfig, build: Callable[[], AutoencoderModule]) -> None:
    """Raise ValueError if the weights of a path of checkpoint= are not those of the network that `build` returns.

    Generators of random numbers stay as they are.
    """
    if paths := given(config):
        with fork_rng(devices=[]):
            network = build().model
        for path in paths:
            fitted_to(network, read_checkpoint(path), path, config)


def begin_from(module: AutoencoderModule, config: DictConfig) -> None:
    """Load the weights of the finished job that continue= names."""
    path = checkpoint_of(Path(config["continue"]))
    content = read_checkpoint(path)
    check_recorded(content, path, read_record(Path(config["continue"]) / RECORD))
    _fill(module, content, path, config)


def load_others(module: AutoencoderModule, config: DictConfig) -> list[nn.Module]:
    """A copy of the model for each further path of checkpoint=, with the weights of that checkpoint."""
    others: list[nn.Module] = []
    for path in given(config)[1:]:
        other = deepcopy(module)
        _fill(other, read_checkpoint(path), path, config)
        others.append(other.model)
    return others


def fingerprints_of_others(config: DictConfig) -> list[str]:
    """Of the training of each further path of checkpoint=."""
    return [read_checkpoint(path)["hyper_parameters"]["fingerprint"] for path in given(config)[1:]]


def given(config: DictConfig) -> list[Path]:
    """The paths of checkpoint=, which may be one path, a list, or null."""
    paths = config.checkpoint if OmegaConf.is_list(config.checkpoint) else [config.checkpoint]
    return [Path(path) for path in paths if path]


def record_next_to(path: Path) -> Record | None:
    """The record of the job whose last checkpoint is at `path`; None without one, or for a checkpoint elsewhere."""
    folder = path.resolve().parent.parent
    if path.resolve() != checkpoint_of(folder) or not (folder / RECORD).is_file():
        return None
    try:
        return read_record(folder / RECORD)
    except ValueError as error:
        log.warning("%s: the weights are not compared with it", error)
        return None


def check_recorded(content: dict[str, Any], path: Path, record: Record) -> None:
    """Raise ValueError for weights of the record's training that are not those that it was measured with.

    Records have a digest of the weights since checkpoints have one.
    """
    recorded, fingerprint = record.hashes.get("weights"), content["hyper_parameters"]["fingerprint"]
    if recorded is None or not same_work(fingerprint, record.hashes.get("training", "")):
        return
    if digest_of_weights(content["state_dict"]) != recorded:
        raise ValueError(f"{path} has other weights than its job's {RECORD}: take another copy, or add rerun=true")


def _fill(module: AutoencoderModule, content: dict[str, Any], path: Path, config: DictConfig) -> None:
    weights, clause = fitted_to(module.model, content, path, config)
    if clause:
        log.info("%s: the weights are taken %s", path, clause)
    module.model.load_state_dict(weights)


def fitted_to(
    network: nn.Module, content: Mapping[str, Any], path: Path, config: DictConfig
) -> tuple[dict[str, Tensor], str]:
    """As `fitted`. The message names file, model and category."""
    try:
        return fitted(content, network)
    except ValueError as error:
        raise ValueError(f"{path} does not fit model={config.model.name} on {config.data.category}: {error}") from error
