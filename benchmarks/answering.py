"""Published records that their own command would repeat get the digests of today, once both ask for the same work.

    python -m benchmarks.answering results /data/mvtec_ad

The first records have digests without the names of their images, and keys that were renamed since. Such a record takes
config and digests of its command, if the two differ in nothing but speed, and if the numbers of images agree. Records
that tested its weights take its new digest. Everything else in a record stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from renormal.data import GOOD, Source
from renormal.files import RECORD
from renormal.job.digests import CONTENTS
from renormal.job.fingerprints import answers, as_digested, fingerprints, parts, source_of
from renormal.job.tiling import with_tiles
from renormal.report.record import Record, pathless, read_record, write_record
from renormal.report.typed import overrides
from renormal.run import CONF  # and the resolvers of its yamls

DIGESTED = ("data", "model.net", "model.optimizer", "model.scheduler", "batch_size", "seed")
TRAINED = ("trainer.max_epochs", "trainer.gradient_clip_val")
SPEED = {"slots", "check_every", "images", "samples"}  # their defaults have changed: they decide how fast, not what
NEWER = {"path", "value", "fused"}  # keys that the first records lack, with a value that changes nothing
REWRITTEN = ("config", "hashes")  # of a record


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Places where what a command asks for is not what a record holds."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted((one.keys() | other.keys()) - SPEED):
            if key in other or key not in NEWER:
                yield from differences(one.get(key, "nothing"), other.get(key, "nothing"), f"{place}.{key}")
    elif one != other:
        yield f"{place}: {one} where the record has {other}"


def unlike(record: Record, job: DictConfig) -> list[str]:
    """Places where the job of a command is not that of its record."""
    keys = [*DIGESTED, *TRAINED, "projections", "score", "test", "stages"]
    keys += [stage for stage in ("choose", "inpaint", "sample") if stage in job.stages]
    keys += ["scores"] if job.scores else []
    held, own = (as_digested(one, parts(one, keys)) for one in (OmegaConf.create(record.config), job))
    return list(differences(own, held))


def job_of(record: Record, root: str) -> DictConfig:
    """What the command of a record asks for today, on this machine in the record's precision. root: of the images."""
    given = dict(record.command) | {"category": record.category, "seed": str(record.seed), "data.root": root}
    job = composed(*overrides(given), f"folder={record.seed}")
    OmegaConf.resolve(job)
    for name, projection in record.config["projections"].items():
        if name in job.projections:
            job.projections[name].precision = projection["precision"]
    return job


def images(source: Source) -> dict[str, int]:
    good = sum(item.defect == GOOD for item in source.test)
    return {"train_images": len(source.train), "test_good": good, "test_defective": len(source.test) - good}


def renewed(record: Record, root: str) -> Record:
    """The record with config and digests of today; itself, if it answers. Raises ValueError where it is other work."""
    job = job_of(record, root)
    source = source_of(job)
    job, _ = with_tiles(job, source)
    hashes = fingerprints(job, source, record.device["precision"])
    if answers(record, hashes, job):
        return record
    found = unlike(record, job)
    found += [
        f"{key}: {count}, not {record.data[key]}" for key, count in images(source).items() if record.data[key] != count
    ]
    if found:
        raise ValueError(f"{record.folder}: {found[0]}")
    own = {part: hashes[part].partition(CONTENTS)[0] for part in ("training", "test")}
    return replace(record, config=pathless(OmegaConf.to_container(job)), hashes=own)


def write(before: Record, after: Record) -> None:
    """Raises ValueError if anything but config and digests is another, once it was read back."""
    assert before.folder is not None
    back = read_record(write_record(before.folder, after))
    for key, value in asdict(before).items():
        if key not in REWRITTEN and asdict(back)[key] != value:
            raise ValueError(f"{before.folder}: {key} has changed")
    print(before.folder)


def main() -> None:
    results, root = Path(sys.argv[1]), sys.argv[2]
    records = [read_record(path) for path in sorted(results.rglob(RECORD))]
    own = [one for one in records if one.command and not one.config["checkpoint"] and one.device.get("type") != "cuda"]
    now: dict[str, str] = {}
    for record in (one for one in own if one.config["data"]["name"] == "mvtec"):
        after = renewed(record, root)
        if after is not record:
            now[record.hashes["training"]] = after.hashes["training"]
            write(record, after)
    for record in records:
        training = record.hashes["training"]
        if record.config["checkpoint"] and training in now:
            write(record, replace(record, hashes=record.hashes | {"training": now[training]}))


if __name__ == "__main__":
    main()
