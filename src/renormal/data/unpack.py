"""Unpack a tar archive that may be hostile: regular files and folders inside one folder, or nothing at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from tqdm import tqdm

from renormal.console.text import is_printable
from renormal.data.source import DataError

CHUNK = 1 << 20  # bytes copied at a time, ours
MAX_MEMBERS = 10_000  # files and folders, also those that only a path names; MVTec AD has about 6 800, ours
MAX_BYTES = 20 * 10**9  # unpacked; MVTec AD has about 5.3 GB, ours
FIRST = 1 << 26  # bytes in which too many small files are found before one is written, ours
MAX_READ = 1 << 22  # bytes of one header or chunk, ours
MAX_EXTENDED = 1 << 24  # bytes of all extended headers together, ours: 10 000 of 1 KiB have 10 MB
EXTENDED = b"xgXLK"  # kinds of a header whose content belongs to the next member
DIGITS = re.compile(rb"[0-9]{100}")  # in such a content; tarfile's own search takes n² steps, an hour for 2 · 10⁶
BLOCK = 512  # bytes of a tar's header; a block of zeros ends a tar
LONGEST = 255, 1000  # bytes of one name and of a whole path, for all file systems; ours
PREFIX = ".unpacking-"  # of the temporary folder
OPENERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\0\0": lzma.open,
}
FOREIGN = {b"PK": "zip", b"7z\xbc\xaf": "7z", b"Rar!": "rar", b"\x28\xb5\x2f\xfd": "zstd"}
# Raised for damaged files by tarfile and the decompressors; a bad gzip or bzip2 is an OSError without a number.
DAMAGED = (
    *(tarfile.TarError, lzma.LZMAError, zlib.error, EOFError),
    *(ValueError, LookupError, OverflowError, RecursionError),
)


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES) -> list[str]:
    """Unpack all or nothing: into a temporary folder, then moved. What the target has already stays as it is.

    Returns the names that were moved to the target. Times, modes and owners in the archive are ignored.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=target) as temporary:
        try:
            _extract(archive, Path(temporary), max_bytes)
        except DataError:
            raise
        except (*DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            why = f"damaged archive ({' '.join(str(error).split()) or type(error).__name__})"
            raise DataError(f"{archive}: {why}; delete it and run again") from error
        moved = [path for path in sorted(Path(temporary).iterdir()) if not os.path.lexists(target / path.name)]
        for path in moved:
            path.rename(target / path.name)
    return [path.name for path in moved]


class Bounded:
    """A file that tarfile reads forwards and little at a time: otherwise a header of any size would fill the memory.

    last: what was read last. A tar ends with a block of zeros; tarfile also takes a cut or damaged header for the end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.last, self.extended = file, b"", 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        content = self.file.read(size)
        if len(self.last) == BLOCK and self.last[156:157] in EXTENDED and size > BLOCK:
            self._check_extended(content)
        self.last = content
        return content

    def _check_extended(self, content: bytes) -> None:
        self.extended += len(content)
        if self.extended > MAX_EXTENDED:
            raise tarfile.ReadError(f"more than {MAX_EXTENDED} bytes of extended headers")
        if DIGITS.search(content):
            raise tarfile.ReadError("an extended header with a number of 100 digits or more")

    def seek(self, place: int) -> int:
        if place < self.file.tell():
            raise tarfile.ReadError(f"a member that begins before its header, at byte {place}")
        return self.file.seek(place)

    def tell(self) -> int:
        return self.file.tell()


def _extract(archive: Path, folder: Path, max_bytes: int) -> None:
    for tar, _ in _members(archive, max_bytes):  # a fault in the first part is found before a file is written
        if tar.offset > FIRST:
            break
    with tqdm(desc="unpacking", unit="file", disable=None) as bar:
        for tar, member in _members(archive, max_bytes):
            _write(archive, tar, member, folder)
            bar.update()


def _members(archive: Path, max_bytes: int) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Every member, checked. Raises DataError for one that must not be written."""
    unpacked = count = 0
    folders = set[PurePosixPath]()
    with _opened(archive) as file:
        bounded = Bounded(file)
        with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:") as tar:
            for count, member in enumerate(tar, 1):
                fault = fault_of(member)
                unpacked += member.size
                folders.update(takewhile(lambda one: one not in folders, PurePosixPath(member.name).parents))
                if count + len(folders) > MAX_MEMBERS + 1 or unpacked > max_bytes:
                    fault = f"more than {MAX_MEMBERS} files and folders or {max_bytes} bytes inside"
                if fault:
                    raise DataError(f"{archive}: {fault}; do not trust this archive")
                yield tar, member
        if bounded.last != bytes(BLOCK):
            raise tarfile.ReadError(f"cut off or unreadable after {count} files")
        file.read(MAX_READ)  # gzip checks its sum at the end


def _opened(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        head = file.read(8)
    for start, name in FOREIGN.items():
        if head.startswith(start):
            raise DataError(f"{archive}: a {name} archive, not a tar: set data.url to a .tar.xz, or unpack it by hand")
    opener = next((opener for start, opener in OPENERS.items() if head.startswith(start)), open)
    return opener(archive, "rb")


def fault_of(member: tarfile.TarInfo) -> str:
    """Why this member must not be written; "" for a regular file or a folder that stays below the target."""
    path, shown = PurePosixPath(member.name), ascii(member.name)[:100]
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()) or member.issparse():
        return f"{shown} is a link, a device or sparse, or leaves the folder"
    if not is_printable(member.name) or member.size < 0 or (member.isfile() and not path.parts):
        return f"{shown} has a name or a size that no file has"
    longest = max((len(part.encode()) for part in path.parts), default=0)
    if longest > LONGEST[0] or len(member.name.encode()) > LONGEST[1]:
        return f"{shown} has a name that is too long to store"
    return ""


def _write(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a file. An empty folder is left out: no data set needs one, and 10 000 of them take a minute."""
    if member.isdir():
        return
    path = folder / member.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            shutil.copyfileobj(cast("IO[bytes]", tar.extractfile(member)), file, CHUNK)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        fault = f"{ascii(member.name)[:100]} is in it twice"
        raise DataError(f"{archive}: {fault}; do not trust this archive") from error
