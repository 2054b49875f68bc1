"""The one way to write a file whole, and the one way to show a path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft beside `path` for writing; at the end of the block the draft takes the place of `path`.

    A reader finds the old file or the new one, whenever the process is killed. The name of the draft is fixed: a draft
    that a kill left behind is replaced by the next one. Where the block raises, `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)  # never through a link that lies there
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write `text` and a line end, whole or not at all."""
    with whole_file(path) as file:
        file.write(f"{text}\n".encode())


def shown(path: Path) -> Path:
    """A path as messages show it: relative where it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
