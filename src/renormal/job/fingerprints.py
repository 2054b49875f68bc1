"""SHA-256 of everything that decides the numbers of a job: parts of its config, and names and sizes of its data."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.data import Item, Source, hold_out
from renormal.files import RECORD
from renormal.job.processes import process_count
from renormal.report.former_names import former
from renormal.report.record import read_record

TRAINING = (
    "data",
    "model.net",
    "model.optimizer",
    "model.scheduler",
    "trainer.max_epochs",
    "trainer.gradient_clip_val",
    "trainer.gradient_clip_algorithm",
    "trainer.accumulate_grad_batches",
    "trainer.limit_train_batches",
    "trainer.max_steps",
    "batch_size",
    "seed",
)
TEST = ("projections", "score", "test", "trainer.limit_test_batches")
PRECISIONS = ("bf16-mixed", "32-true")
CHOICE = ("projections", "score", "test.stride", "test.average", "choose")
RANKS = "x"  # between the digest of a training and the number of its processes, if there are several
ELSEWHERE = ("root", "download", "accept_licence", "url", "sha256", "source", "notes")  # where the data are stored
NEUTRAL = {  # keys newer than the first record, with the value that changes nothing
    "kl_weight": 0.0,
    "flips": False,
    "crossed": False,
    "drawn": None,
    "trainer.gradient_clip_algorithm": None,
    "trainer.accumulate_grad_batches": None,
    "trainer.limit_train_batches": None,
    "trainer.limit_test_batches": None,
    "trainer.max_steps": None,
    "smooth": {"_target_": "renormal.scores.Smooth", "mean": 0, "gaussian": 0.0},
}
log = logging.getLogger("renormal")


def source_of(config: DictConfig) -> Source:
    """The files of this config's data. `spare` holds the images that are kept for the stage choose."""
    source: Source = instantiate(config.data.source, _convert_="all")
    return hold_out(source, config.choose.holdout)


def fingerprints(config: DictConfig, source: Source, precision: str) -> dict[str, str]:
    """{"training": digest, "test": digest} of this config. A given checkpoint is part of the test.

    precision: of the training. A machine that only submits jobs cannot resolve auto: see possible_precisions. The
    number of training processes follows the training's digest; the numbers of a test alone do not depend on it.
    """
    one = {"trainer.devices": 1}  # part of the digest since the first record
    training = [parts(config, TRAINING) | one, precision, listing(source, source.train)]
    count = process_count(config)
    suffix = "" if count == 1 or "train" not in config.stages else f"{RANKS}{count}"
    tested = [*TEST, "scores"] if config.scores else [*TEST]  # without scores: the digest of older records
    tested += [stage for stage in ("inpaint", "sample") if stage in config.stages]
    given = config.checkpoint
    weights = [digest_of(path) for path in given] if OmegaConf.is_list(given) else digest_of(given)
    test = [parts(config, tested), listing(source, source.test), weights]
    test += chosen(config, source)  # empty without a choice: the digest is that of older records
    return {"training": digest(training) + suffix, "test": digest(test)}


def possible_precisions(config: DictConfig) -> tuple[str, ...]:
    """trainer.precision; for auto, every precision that a device may take."""
    return PRECISIONS if config.trainer.precision == "auto" else (str(config.trainer.precision),)


def chosen(config: DictConfig, source: Source) -> list[Any]:
    """What decides the chosen settings: keys and images of the stage choose, or the digest of choose.settings."""
    if "choose" in config.stages:
        return [parts(config, CHOICE), listing(source, source.spare)]
    settings = config.choose.settings
    return [digest_of(settings, "choose.settings"), parts(config, ["choose.scores"])] if settings else []


def answers(found: dict[str, str], wanted: dict[str, str], config: DictConfig) -> bool:
    """Whether a record with the digests `found` is the record of this config, whose digests are `wanted`."""
    same = found.get("training", "") == wanted["training"]
    if "train" not in config.stages:
        same = same_weights(found.get("training", ""), wanted["training"])
    return same and found.get("test") == wanted["test"]


def same_weights(one: str, other: str) -> bool:
    """Whether two digests of trainings are equal without their number of processes."""
    return one.partition(RANKS)[0] == other.partition(RANKS)[0]


def has_record(config: DictConfig, folder: Path, hashes: dict[str, str]) -> bool:
    """Whether the folder holds the record of this config. False for a damaged record, and with rerun=true."""
    path = folder / RECORD
    if config.rerun or not path.is_file():
        return False
    try:
        return answers(read_record(path).hashes, hashes, config)
    except ValueError as error:
        log.warning("%s: it will be replaced", error)
        return False


def parts(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Key → plain value, under its former name and without what does not decide the numbers."""
    found = {key: OmegaConf.select(config, key) for key in keys}
    plain = {key: OmegaConf.to_container(part) if OmegaConf.is_config(part) else part for key, part in found.items()}
    stripped: dict[str, Any] = former(_stripped(plain))
    return stripped


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ELSEWHERE}
        return {key: _stripped(item) for key, item in kept.items() if key not in NEUTRAL or item != NEUTRAL[key]}
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def listing(source: Source, items: Iterable[Item]) -> list[list[Any]]:
    """Names and sizes of the files: fast to read, and independent of the folder."""
    files = [path for item in items for path in (item.image, item.mask) if path is not None]
    return [[path.relative_to(source.root).as_posix(), path.stat().st_size] for path in files]


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_of(path: str | None, key: str = "checkpoint") -> str | None:
    """SHA-256 of a file, None for no path. key: of the config, for the message."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise ValueError(f"{key}={path} does not exist")
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
