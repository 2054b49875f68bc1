"""SHA-256 of everything that decides the numbers of a job: parts of its config, its data set, and its files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.data import GOOD, Item, Source
from renormal.files import RECORD
from renormal.job.budget import PRECISIONS, on_other_kind
from renormal.job.digests import digest_of, in_full, processes_of, same_weights, same_work
from renormal.job.file_contents import all_contents, contents
from renormal.job.former_sources import former_source
from renormal.job.own_code import own_code
from renormal.job.processes import process_count
from renormal.job.trained_on import parted
from renormal.job.training_size import images_asked
from renormal.report.former_names import former
from renormal.report.neutral import CONNECTION, ELSEWHERE, FORMERLY, TRAINER, is_neutral
from renormal.report.record import Record, read_record

TRAINING = (
    "data",
    "model.net",
    "model.module",
    "model.optimizer",
    "model.scheduler",
    "trainer.max_epochs",
    "trainer.gradient_clip_val",
    "batch_size",
    "seed",
    "minutes",
    "patience",
)
TESTING = ("limit_test_batches", "fast_dev_run", "deterministic", "benchmark", "barebones", "use_distributed_sampler")
TEST = ("projections", "score", "test", *(f"trainer.{key}" for key in TESTING))
OFFERED = ("choose.scores", "choose.projections")  # what a given choice may name
CHOICE = ("projections", "score", "test.stride", "test.average", "choose")
# fields of a source: digested as files, or no number
FILES = ("name", "root", "train", "test", "spare", "apart", "max_pixels", "remarks", "warnings")
ASKED = "asked"  # of a record's hashes: the training of a config whose checkpoint= is of another one
log = logging.getLogger("renormal")


def source_of(config: DictConfig) -> Source:
    """The files of this config's data. `spare` is kept for the stage choose, `apart` for the thresholds of the test."""
    source: Source = instantiate(config.data.source, _convert_="all")
    every, fold = config.test.get("holdout", 0), config.test.get("fold", 0)  # older records have none
    return parted(source, config.get("continue"), spare=config.choose.holdout, apart=every, fold=fold)


def fingerprints(config: DictConfig, source: Source, precision: str) -> dict[str, str]:
    """{"training": digest, "test": digest, "data": contents of all files, "code <module>": digest of its file}.

    A given checkpoint is part of the test, and so is code of somebody else.

    precision: of the training. A machine that only submits jobs cannot resolve auto: see possible_precisions. The
    number of training processes follows the training's digest; the numbers of a test alone do not depend on it.
    """
    one = {"trainer.devices": 1}  # part of the digest since the first record
    extra = [found] if (found := built(config, source)) else []  # empty for published records
    if before := weights_before(config):
        extra.append({"continue": before})
    training = [as_digested(config, parts_of_training(config)) | one, precision, listing(source, source.train), *extra]
    given = config.checkpoint
    weights = [digest_of(path) for path in given] if OmegaConf.is_list(given) else digest_of(given)
    test = [as_digested(config, parts_of_test(config)), listing(source, source.test), weights, *extra]
    test += [listing(source, source.apart)] if source.apart else []
    code = own_code(config)
    test += [code] if code else []
    test += chosen(config, source)  # empty without a choice: the digest is that of older records
    tested = source.test + (source.spare if {"choose", "test"} & set(config.stages) else ())
    tested += source.apart if "test" in config.stages else ()
    count = process_count(config) if "train" in config.stages else 1
    return {
        "training": in_full(training, contents(source, source.train), count),
        "test": in_full(test, contents(source, tested)),
        "data": all_contents(source),
        **code,
    }


def weights_before(config: DictConfig) -> str | None:
    """The digest of the weights of the job that continue= names; None without it."""
    job = config.get("continue")
    if job is None:
        return None
    digest = read_record(Path(job) / RECORD).hashes.get("weights")
    if digest is None:
        raise ValueError(f"continue={job}: its record is older than the digests of weights: repeat that job")
    return digest


def images_before(config: DictConfig) -> dict[str, float | None]:
    """For the record: training images that the network of continue= had seen. {} without it, and where nobody knows."""
    job = config.get("continue")
    if job is None:
        return {}
    record = read_record(Path(job) / RECORD)
    earlier = record.training.get("images_before", None if record.config.get("continue") else 0.0)
    own = record.training.get("images")
    return {} if earlier is None or own is None else {"images_before": earlier + own}


def built(config: DictConfig, source: Source) -> dict[str, Any]:
    """Kind, fit, augmentation and newer fields of the source. Empty where they are those of the published records."""
    data: dict[str, Any] = OmegaConf.to_container(config.data)  # type: ignore[assignment]
    found: dict[str, Any] = {"kind": source.kind, "fit": source.fit, "augmentation": asdict(source.augmentation)}
    if former_source(data) == (source.kind, source.fit, source.augmentation):
        found = {}
    newer = [field for field in fields(source) if field.name not in (*FILES, "kind", "fit", "augmentation")]
    found |= {one.name: value for one in newer if (value := getattr(source, one.name)) != one.default}
    if not str(data["source"]["_target_"]).startswith("renormal.data."):
        found["arguments"] = _stripped(data["source"])
    return found


def parts_of_training(config: DictConfig) -> dict[str, Any]:
    """What decides a training, with every key of the trainer except those that cannot change a number."""
    keys = [key for key in config.trainer if key not in TRAINER and key not in ("limit_test_batches", "strategy")]
    strategy = config.trainer.get("strategy")
    if not (OmegaConf.is_dict(strategy) and strategy.keys() <= CONNECTION):
        keys.append("strategy")
    found = parts(config, [*TRAINING, *(f"trainer.{key}" for key in keys)])
    found["model.net"].pop("draws", None)  # of f(x), which a training does not use
    return found


def parts_of_test(config: DictConfig) -> dict[str, Any]:
    """What decides a test and the stages after a training."""
    keys = [*TEST, "scores"] if config.scores else [*TEST]  # without scores: the digest of older records
    if OmegaConf.select(config, "model.net.draws"):
        keys.append("model.net.draws")
    return parts(config, [*keys, *(stage for stage in ("inpaint", "sample") if stage in config.stages)])


def possible_precisions(config: DictConfig) -> tuple[str, ...]:
    """trainer.precision; for auto, every precision that a device may take."""
    return (*PRECISIONS.values(),) if config.trainer.precision == "auto" else (str(config.trainer.precision),)


def chosen(config: DictConfig, source: Source) -> list[Any]:
    """What decides the chosen settings: keys and images of the stage choose, or the digest of choose.settings."""
    if "choose" in config.stages:
        return [as_digested(config, parts(config, CHOICE)), listing(source, source.spare)]
    settings = config.choose.settings
    if not settings:
        return []
    return [digest_of(settings, "choose.settings"), as_digested(config, parts(config, OFFERED))]


def answers(record: Record, wanted: dict[str, str], config: DictConfig) -> bool:
    """Whether a record is that of this config, whose digests are `wanted`: the same work, done to its end."""
    tested = same_work(record.hashes.get("test", ""), wanted["test"])
    return tested and same_training(record, wanted, config) and not cut_short(record, config)


def same_training(record: Record, wanted: dict[str, str], config: DictConfig) -> bool:
    """Whether a record has the training of this config, or tested a given checkpoint for it, whatever that is of."""
    found = record.hashes.get("training", "")
    if "train" in config.stages:
        return same_work(found, wanted["training"])
    given = record.hashes.get(ASKED, "") if config.checkpoint else ""
    return any(same_weights(one, wanted["training"]) for one in (found, given))


def cut_short(record: Record, config: DictConfig) -> bool:
    """Whether a training saw fewer images than its config asks for. A given checkpoint is taken as it is.

    A training that ended by its minutes or its patience was whole: its plan decides, not the config.
    """
    if config.get("minutes") is not None or config.get("patience") is not None:  # older records have neither
        return False
    seen, asked = record.training.get("images"), images_asked(config, processes=processes_of(record.hashes["training"]))
    return not config.checkpoint and seen is not None and asked is not None and seen < asked


def has_record(config: DictConfig, folder: Path, hashes: dict[str, str]) -> bool:
    """Whether the folder holds the record of this config. False for a damaged record, and with rerun=true.

    Where the budget depends on the processor, a record from the other kind of processor answers, too.
    """
    path = folder / RECORD
    if config.rerun or not path.is_file():
        return False
    try:
        record, other = read_record(path), on_other_kind(config)
        if answers(record, hashes, config) or other is None:
            return answers(record, hashes, config)
        return answers(record, fingerprints(other, source_of(other), str(other.trainer.precision)), other)
    except ValueError as error:
        log.warning("%s: it will be replaced", error)
        return False


def parts(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Key → plain value, without what does not decide the numbers."""
    found = {key: OmegaConf.select(config, key) for key in keys}
    plain = {key: OmegaConf.to_container(part) if OmegaConf.is_config(part) else part for key, part in found.items()}
    stripped: dict[str, Any] = _stripped(plain)
    return stripped


def as_digested(config: DictConfig, found: dict[str, Any]) -> dict[str, Any]:
    """Parts of the config under their former names, with the precision that the device takes in place of auto.

    A record answers where the device takes what the record was made in.
    """
    for descent in (found.get("projections") or {}).values():
        if descent.get("precision") == "auto":
            from renormal.functional.precision import has_bfloat16  # not at the top: a sweep's plan needs no torch
            from renormal.job.environment import device_of

            descent["precision"] = "bfloat16" if has_bfloat16(device_of(config)) else "float32"
    former_names: dict[str, Any] = former(found)
    return former_names


def _stripped(value: Any, place: str = "") -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ELSEWHERE}
        kept |= {key: before for key, (today, before) in FORMERLY.items() if key in kept and kept[key] == today}
        places = {key: f"{place}.{key}".lstrip(".") for key in kept}
        neutral = {key for key, item in kept.items() if is_neutral(key, item) or is_neutral(places[key], item)}
        return {key: _stripped(item, places[key]) for key, item in kept.items() if key not in neutral}
    return [_stripped(item, place) for item in value] if isinstance(value, list) else value


def listing(source: Source, items: Iterable[Item]) -> list[list[Any]]:
    """Names and sizes of the files, independent of the folder, with the label where the folder's name is another."""
    places = {item.image.parent for item in source.train}
    rows: list[list[Any]] = []
    for item in items:
        implied = item.image.parent.name == item.defect or (item.defect == GOOD and item.image.parent in places)
        label = [] if implied else [item.defect]
        files = [path for path in (item.image, item.mask) if path is not None]
        rows += [[path.relative_to(source.root).as_posix(), path.stat().st_size, *label] for path in files]
    return rows
