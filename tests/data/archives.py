"""Tar archives byte by byte: what no tar program writes."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable

NEGATIVE = b"\xff" * 8 + struct.pack(">i", -512)  # a size in base 256
HUGE = b"\x80" + bytes(3) + struct.pack(">Q", 10**15)
END = bytes(1024)


def member(name: bytes = b"a", size: bytes = b"00000000001", kind: bytes = b"0", content: bytes = b"x") -> bytes:
    """A header with these bytes in its fields and a right sum, and the content. No end of the archive."""
    header = bytearray(512)
    for place, text in ((0, name), (100, b"0000644\0"), (124, size), (136, b"00000000000"), (156, kind)):
        header[place : place + len(text)] = text
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512)


def said(size: int) -> bytes:
    return b"%011o" % size


def pax(**values: bytes) -> bytes:
    """A regular file d/a with these extended values."""
    records = b""
    for key, value in values.items():
        length = len(key) + len(value) + 3
        length += len(str(length + len(str(length))))
        records += b"%d %s=%s\n" % (length, key.replace("__", ".").encode(), value)
    return member(b"p", said(len(records)), b"x", records) + member(b"d/a") + END


def archive(*members: tuple[str, bytes], **fields: object) -> bytes:
    """As Python writes it. fields: of every member."""

    def build(tar: tarfile.TarFile) -> None:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))

    return written(build)


def written(build: Callable[[tarfile.TarFile], None]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        build(tar)
    return buffer.getvalue()
