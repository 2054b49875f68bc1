"""What a job of another config has left in the folder of this one: its record and its weights stay beside the new."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from renormal.files import RECORD
from renormal.job.checkpoint_file import read_checkpoint
from renormal.job.digests import digest, same_work
from renormal.report.record import Record, read_record, write_record

SHOWN = 8  # digits of a digest in a name
log = logging.getLogger("renormal")


def name_of_other(path: Path) -> Path:
    """Where a record is kept when another one takes its place: records of the same work have the same name there.

    No command reads it as a record. A damaged one is named after its time.
    """
    try:
        hashes = read_record(path).hashes
        known: list[Any] = [hashes.get("training"), hashes.get("test")]
    except ValueError:
        known = [path.lstat().st_mtime_ns]
    return path.with_name(f"other-{digest(known)[:SHOWN]}.json")


def replace_record(folder: Path, record: Record, *, rerun: bool) -> None:
    """Write the record in place of the one that is there, which stays under another name unless `rerun` repeats it."""
    path = folder / RECORD
    if not path.is_file() or (rerun and is_of_same_work(path, record)):
        write_record(folder, record)
        return
    kept = name_of_other(path)
    path.replace(kept)
    try:
        write_record(folder, record)
    except BaseException:
        kept.replace(path)
        raise
    if rerun:  # otherwise it was said before
        log.warning("%s held the record of another config: kept as %s", folder, kept.name)


def is_of_same_work(path: Path, record: Record) -> bool:
    """Whether the record at `path` is of the same training and the same test. False for a damaged one."""
    with suppress(ValueError):
        found = read_record(path).hashes
        return all(same_work(found.get(key, ""), record.hashes[key]) for key in ("training", "test"))
    return False


def aside_of(path: Path, fingerprint: str) -> Path:
    """Where a checkpoint, whose training has this fingerprint, is put aside: a name that is free."""
    first, number = f"other-{fingerprint[:SHOWN]}", 1
    aside = path.with_name(f"{first}.ckpt")
    while aside.exists() or aside.is_symlink():
        number += 1
        aside = path.with_name(f"{first}-{number}.ckpt")
    return aside


def put_aside(path: Path, fingerprint: str) -> Path:
    """Rename a checkpoint, whose training has this fingerprint, and return its new path."""
    aside = aside_of(path, fingerprint)
    path.replace(aside)
    return aside


def put_aside_others(path: Path, fingerprint: str) -> None:
    """Before a training begins anew: rename the checkpoint there if it is of another one. A damaged one stays."""
    with suppress(ValueError, FileNotFoundError):
        found = read_checkpoint(path)["hyper_parameters"]["fingerprint"]
        if not same_work(found, fingerprint):
            log.warning("the checkpoint there belongs to another config: kept as %s", put_aside(path, found))


def former_checkpoints(path: Path, fingerprint: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each checkpoint of this training that was put aside, with its content. Damaged ones are left out."""
    for aside in sorted(path.parent.glob(f"other-{fingerprint[:SHOWN]}*.ckpt")):
        with suppress(ValueError):
            content = read_checkpoint(aside)
            if same_work(content["hyper_parameters"]["fingerprint"], fingerprint):
                yield aside, content
