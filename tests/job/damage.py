"""Ways in which a checkpoint is damaged or made by somebody else, and the objects that would leave a trace."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch


class Touch:
    """Unpickled as code is run: it makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit the content of a checkpoint and write it again, as torch does: its checksums fit, its digest does not."""
    content = torch.load(path, weights_only=True)
    edit(content)
    torch.save(content, path)


def undigested(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """The same without a digest, as an older version has written it."""

    def both(content: dict[str, Any]) -> None:
        for key in ("digest", "lowest_loss"):
            content.pop(key, None)
        edit(content)

    change(path, both)


def put(place: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """An edit: the value at a place such as loops/fit_loop; no value: delete the key."""
    *above, last = [int(part) if part.isdigit() else part for part in place.split("/")]

    def edit(content: dict[str, Any]) -> None:
        node: Any = content
        for key in above:
            node = node[key]
        if value is DELETED:
            del node[last]
        else:
            node[last] = value

    return edit


DELETED = object()


def flip(path: Path, member: str) -> None:
    """Flip one bit in the middle of a part of the archive."""
    with zipfile.ZipFile(path) as archive:
        info = next(one for one in archive.infolist() if one.filename.endswith(member))
        with archive.open(info) as part:
            body = part.read()
    whole = bytearray(path.read_bytes())
    at = bytes(whole).index(body, info.header_offset) + len(body) // 2
    whole[at] ^= 1
    path.write_bytes(whole)


def repacked(path: Path, change: Callable[[str, bytes], bytes | None], method: int = zipfile.ZIP_STORED) -> None:
    """Write the archive again with other parts, None for one that is left out."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, body in parts.items():
            if (new := change(name, body)) is not None:
                archive.writestr(name, new)


def bytes_of(content: Any, *, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def code_in_archive(path: Path, trace: Path) -> None:
    """A pickle with code in place of the archive's own."""
    repacked(path, lambda name, body: pickle.dumps(Touch(trace)) if name.endswith("data.pkl") else body)


@contextmanager
def untouched(*folders: Path) -> Iterator[None]:
    """Nothing is written, renamed or deleted below the folders."""
    before = [state(folder) for folder in folders]
    yield
    assert [state(folder) for folder in folders] == before


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}
