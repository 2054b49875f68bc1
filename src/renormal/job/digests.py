"""SHA-256 of values and files, and when two digests of jobs mean the same work.

A job's digest is <recipe>.<contents>x<processes>. The recipe stands for config, names and sizes of the files. Contents
of the files are missing in older records and checkpoints, the number of processes where there is one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from renormal.files import check_regular

LIMIT = 8 * 2**30  # bytes of a file, ours: a thousand times the published networks
CONTENTS, RANKS = ".", "x"  # neither is a hexadecimal digit


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def in_full(recipe: Any, contents: str, processes: int = 1) -> str:
    """<recipe>.<contents>x<processes>. recipe: a value, which is hashed."""
    return f"{digest(recipe)}{CONTENTS}{contents}" + (f"{RANKS}{processes}" if processes > 1 else "")


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: str | None, key: str = "checkpoint") -> str | None:
    """SHA-256 of a file, None for no path. key: of the config, for the message."""
    if path is None:
        return None
    try:
        check_regular(Path(path), LIMIT)
    except ValueError as error:
        raise ValueError(f"{key}={error}") from error
    return digest_of_file(Path(path))


def processes_of(one: str) -> int:
    """The number of processes in the digest of a training."""
    return int(one.partition(RANKS)[2] or 1)


def same_work(one: str, other: str) -> bool:
    """Whether two digests are equal. One without contents is taken at its word: names and sizes are equal then."""
    return same_weights(one, other) and one.partition(RANKS)[2] == other.partition(RANKS)[2]


def same_weights(one: str, other: str) -> bool:
    """Whether two digests of trainings are equal without their number of processes."""
    (recipe, _, held), (wanted, _, asked) = (digest.partition(RANKS)[0].partition(CONTENTS) for digest in (one, other))
    return recipe == wanted and (held == asked or not held or not asked)


def same_images(one: str, other: str) -> bool:
    """Whether two digests of trainings are of the same images: by their contents, else by their recipes."""
    (recipe, _, held), (wanted, _, asked) = (digest.partition(RANKS)[0].partition(CONTENTS) for digest in (one, other))
    return held == asked if held and asked else recipe == wanted
