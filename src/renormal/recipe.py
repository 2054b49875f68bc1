"""Names for what decides the numbers of a run: SHA-256 of the parts of its config and of its data."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.data import Item, Source
from renormal.machine import precision_of
from renormal.report.record import FILE, read_record

TRAINING = (
    "data",
    "model.net",
    "model.optimizer",
    "model.scheduler",
    "trainer.max_epochs",
    "trainer.gradient_clip_val",
    "trainer.devices",
    "batch_size",
    "seed",
)
TEST = ("projections", "score", "test")
ELSEWHERE = (
    "root",
    "download",
    "accept_licence",
    "url",
    "sha256",
    "source",
    "notes",
)  # where the data lie, not what they are
log = logging.getLogger("renormal")


def fingerprints(config: DictConfig, source: Source) -> dict[str, str]:
    """What the record of this config would answer to. A checkpoint given by hand counts with its content."""
    training = [parts(config, TRAINING), precision_of(config), listing(source, source.train)]
    test = [parts(config, TEST), listing(source, source.test), digest_of(config.checkpoint)]
    return {"training": digest(training), "test": digest(test)}


def answered(folder: Path, hashes: dict[str, str]) -> bool:
    """Whether a record of this very config lies there. One that cannot be read is no answer."""
    path = folder / FILE
    try:
        return path.is_file() and read_record(path).hashes == hashes
    except ValueError as error:
        log.warning("%s: it will be replaced", error)
        return False


def parts(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Those parts of the config as plain values."""
    plain = OmegaConf.to_container(OmegaConf.create({key: OmegaConf.select(config, key) for key in keys}))
    stripped: dict[str, Any] = _stripped(plain)
    return stripped


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(item) for key, item in value.items() if key not in ELSEWHERE}
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def listing(source: Source, items: Iterable[Item]) -> list[list[Any]]:
    """Names and sizes of the files: cheap, the same wherever they lie, and another after any usual change."""
    files = [path for item in items for path in (item.image, item.mask) if path is not None]
    return [[path.relative_to(source.root).as_posix(), path.stat().st_size] for path in files]


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_of(path: str | None) -> str | None:
    """SHA-256 of a file, None for no file."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise ValueError(f"checkpoint={path} does not exist")
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
