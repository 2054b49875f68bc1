"""Damage within a PNG that Pillow passes over: missing rows become black, and so do colours that no palette has."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a type of colour
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
HEAD = 8  # bytes before the first chunk
STEP = 1 << 20  # bytes that are unpacked at once, ours
MISSING = "some of its rows are missing"


def damage_in(data: bytes, highest: int | None) -> str:
    """What is missing in a PNG that Pillow has read; "" for nothing.

    highest: the largest number of a colour among its pixels, for a picture with a palette.
    """
    chunks = list(_chunks(data))
    colours = next((len(content) // 3 for name, content in chunks if name == b"PLTE"), 0)
    if highest is not None and highest >= colours:
        return f"a pixel has colour {highest}, and its palette ends at {colours - 1}"
    header = next(content for name, content in chunks if name == b"IHDR")
    wanted = _size(*struct.unpack(">IIBBBBB", header[:13]))
    return "" if _unpacked(b"".join(content for name, content in chunks if name == b"IDAT"), wanted) else MISSING


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = HEAD
    while place + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += 12 + size


def _size(width: int, height: int, bits: int, colour: int, _: int, __: int, interlaced: int) -> int:
    """Bytes of all rows, each with the number of its filter."""
    pixel = bits * CHANNELS[colour]
    found = 0
    for left, upper, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - upper) // down)
        found += rows * (1 + (columns * pixel + 7) // 8) if columns else 0
    return found


def _unpacked(packed: bytes, wanted: int) -> bool:
    """Whether there are so many bytes."""
    stream, found = zlib.decompressobj(), 0
    while found < wanted and not stream.eof:
        piece = stream.decompress(packed, STEP)
        found, packed = found + len(piece), stream.unconsumed_tail
        if not piece and not packed:
            break
    return found >= wanted
