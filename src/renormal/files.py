"""Write a file completely or not at all; show a path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

RECORD, STATE = "record.json", "state.json"  # of a job, in its folder
PLAN = "plan.json"  # of a sweep, in its folder


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft in the folder of `path`, which is made if missing; after the block the draft is renamed to `path`.

    A reader finds the old file or the new one, even if this process is killed. If the block raises, `path` does not
    change. The draft's name is fixed: the next call replaces the draft of a killed process. Raises ValueError for a
    `path` that exists and is no regular file: a device or a folder must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file: give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)  # if the draft is a link, its target must not change
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write `text` completely or not at all; it gets a line end if it has none."""
    with whole_file(path) as file:
        file.write(text.removesuffix("\n").encode() + b"\n")


def shown(path: Path) -> Path:
    """A path for messages: relative if it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
