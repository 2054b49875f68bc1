"""The loggers of a job."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from hydra.utils import instantiate
from lightning.pytorch.loggers import CSVLogger, Logger
from omegaconf import DictConfig, OmegaConf

from renormal.boards.board import Board
from renormal.report.record import pathless


@contextmanager
def logging_to(config: DictConfig, folder: Path, hashes: dict[str, str]) -> Iterator[list[Logger]]:
    """Build every logger, log the config, and close all at the end as "finished", "failed" or "aborted".

    A CSV logger does not get the config: it would take longest to write what record.json has, too.
    """
    loggers = build_loggers(config, run_id(config, folder, hashes))
    status = "aborted"
    try:
        for logger in loggers:
            if not isinstance(logger, CSVLogger):
                logger.log_hyperparams(pathless(OmegaConf.to_container(config, resolve=True)))
        yield loggers
        status = "finished"
    except Exception:
        status = "failed"
        raise
    finally:
        for logger in loggers:
            logger.finalize(status)


def log_objective(loggers: Iterable[Logger], number: float | None) -> None:
    """As `objective`: a sweep of wandb optimizes what its runs have logged."""
    if number is not None:
        for logger in loggers:
            logger.log_metrics({"objective": number})


def check_loggers(config: DictConfig) -> None:
    """Raise ValueError for a logger that would be refused when it begins, after the images were read. Opens nothing."""
    for name, entry in config.logger.items():
        if entry.save_dir != config.folder:
            check_place(f"logger.{name}.save_dir", Path(entry.save_dir))
    for logger in build_loggers(config, "checked"):
        if isinstance(logger, Board):
            logger.check()


def check_place(key: str, folder: Path) -> None:
    """Raise ValueError for a folder that cannot be made or written."""
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    try:
        TemporaryFile(dir=above).close()
    except OSError as error:
        why = f"{above}: {error.strerror}" if above != folder.absolute() else error.strerror
        raise ValueError(f"{key}={folder} cannot be written ({why}): give another folder") from error


def build_loggers(config: DictConfig, identity: str) -> list[Logger]:
    """A logger for each entry of the config. identity: the `id` of an entry whose `id` is null."""
    loggers = []
    for entry in config.logger.values():
        own = {"id": identity} if entry.get("id", "") is None else {}
        loggers.append(instantiate(OmegaConf.merge(entry, own), _convert_="all"))
    return loggers


def run_id(config: DictConfig, folder: Path, hashes: dict[str, str]) -> str:
    """The id of a wandb run. A resumed job keeps it; other digests, another folder or a repeated training change it."""
    again = secrets.token_hex(8) if config.rerun and "train" in config.stages else ""
    parts = [str(folder.resolve()), hashes["training"], hashes["test"], again]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
