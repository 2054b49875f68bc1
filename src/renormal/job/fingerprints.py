"""Names for what decides the numbers of a run: SHA-256 of the parts of its config and of its data."""

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
RANKS = "x"  # between a training's digest and the number of its processes, where there are several
ELSEWHERE = (
    "root",
    "download",
    "accept_licence",
    "url",
    "sha256",
    "source",
    "notes",
)  # where the data lie, not what they are
NEUTRAL = {  # keys newer than the first record: with this value they say nothing
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
    """The files of this config's data. Those kept for choosing settings are in `spare`."""
    source: Source = instantiate(config.data.source, _convert_="all")
    return hold_out(source, config.choose.holdout)


def fingerprints(config: DictConfig, source: Source, precision: str) -> dict[str, str]:
    """The digests of this config's training and test. A checkpoint that is given counts with its content.

    precision: of the training; a machine that only submits jobs does not know what auto will be: possible_precisions.
    The number of processes that train stands behind the training's digest: a test alone gives the same on any number.
    """
    one = {"trainer.devices": 1}  # of the digest since the first record
    training = [parts(config, TRAINING) | one, precision, listing(source, source.train)]
    count = process_count(config)
    suffix = "" if count == 1 or "train" not in config.stages else f"{RANKS}{count}"
    tested = [*TEST, "scores"] if config.scores else [*TEST]  # a table of one score has the digest that it always had
    tested += [stage for stage in ("inpaint", "sample") if stage in config.stages]
    test = [parts(config, tested), listing(source, source.test), weights_of(config)]
    test += chosen(config, source)  # nothing for a config that chooses nothing: its digest is that of older records
    return {"training": digest(training) + suffix, "test": digest(test)}


def possible_precisions(config: DictConfig) -> tuple[str, ...]:
    """trainer.precision; for auto, every precision that a device may take."""
    return PRECISIONS if config.trainer.precision == "auto" else (str(config.trainer.precision),)


def chosen(config: DictConfig, source: Source) -> list[Any]:
    """What decides the settings that are chosen, or the file that says them."""
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
    """Whether two digests of trainings differ in nothing but the number of processes."""
    return one.partition(RANKS)[0] == other.partition(RANKS)[0]


def has_record(config: DictConfig, folder: Path, hashes: dict[str, str]) -> bool:
    """Whether the folder holds the record of this config, and rerun=true does not ask for another.

    A record that cannot be read will be replaced.
    """
    path = folder / RECORD
    if config.rerun or not path.is_file():
        return False
    try:
        return answers(read_record(path).hashes, hashes, config)
    except ValueError as error:
        log.warning("%s: it will be replaced", error)
        return False


def parts(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Those parts of the config as plain values, under their former names."""
    found = {key: OmegaConf.select(config, key) for key in keys}
    plain = {key: OmegaConf.to_container(part) if OmegaConf.is_config(part) else part for key, part in found.items()}
    stripped: dict[str, Any] = former(_stripped(plain))
    return stripped


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(item) for key, item in value.items() if not _neutral(key, item)}
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def _neutral(key: str, item: Any) -> bool:
    """Whether the entry does not decide the numbers."""
    return key in ELSEWHERE or (key in NEUTRAL and item == NEUTRAL[key])


def listing(source: Source, items: Iterable[Item]) -> list[list[Any]]:
    """Names and sizes of the files: cheap, the same wherever they lie, and another after any usual change."""
    files = [path for item in items for path in (item.image, item.mask) if path is not None]
    return [[path.relative_to(source.root).as_posix(), path.stat().st_size] for path in files]


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def weights_of(config: DictConfig) -> str | list[str | None] | None:
    """SHA-256 of the checkpoint that was given, of each where there are several."""
    given = config.checkpoint
    return [digest_of(path) for path in given] if OmegaConf.is_list(given) else digest_of(given)


def digest_of(path: str | None, key: str = "checkpoint") -> str | None:
    """SHA-256 of a file, None for no file. key: where the path was given."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise ValueError(f"{key}={path} does not exist")
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
