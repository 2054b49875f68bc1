"""The loggers of a job: all get the config, and all are closed at its end, however it ends."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from renormal.report.record import pathless


@contextmanager
def logging_to(config: DictConfig, folder: Path, hashes: dict[str, str]) -> Iterator[list[Logger]]:
    """Every logger of the config. Each is closed as "finished", "failed" or, after an interruption, "aborted"."""
    loggers = build_loggers(config, run_id(config, folder, hashes))
    status = "aborted"
    try:
        for logger in loggers:
            logger.log_hyperparams(pathless(OmegaConf.to_container(config, resolve=True)))
        yield loggers
        status = "finished"
    except Exception:
        status = "failed"
        raise
    finally:
        for logger in loggers:
            logger.finalize(status)


def build_loggers(config: DictConfig, identity: str) -> list[Logger]:
    """One for each entry of the config. An entry whose `id` is null gets this identity, and goes on in its run."""
    loggers = []
    for entry in config.logger.values():
        own = {"id": identity} if entry.get("id", "") is None else {}
        loggers.append(instantiate(OmegaConf.merge(entry, own), _convert_="all"))
    return loggers


def run_id(config: DictConfig, folder: Path, hashes: dict[str, str]) -> str:
    """The same for a job that goes on; another one for other numbers, another folder, or a repeated training."""
    again = secrets.token_hex(8) if config.rerun and "train" in config.stages else ""
    parts = [str(folder.resolve()), hashes["training"], hashes["test"], again]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
