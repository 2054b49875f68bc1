"""Damage within a JPEG. Pillow fills what is missing with grey or noise and says nothing."""

from __future__ import annotations

import re

from simplejpeg import decode_jpeg

DAMAGE = re.compile(
    r"premature end|bad Huffman code|instead of RST|(?P<count>\d+) extraneous bytes before marker 0x(?P<marker>\w\w)",
    re.IGNORECASE,
)
PADDING = 8  # bytes that cameras leave unused before a marker, ours


def damage_in(data: bytes, *, cmyk: bool = False) -> str:
    """What libjpeg warns of while it reads the coded pixels; "" for nothing.

    Bytes that were lost, added or replaced by a block are nearly always found. What still is a valid code is not, as
    one changed bit often is. Whatever follows the picture does not count.
    """
    try:
        colours = "CMYK" if cmyk else "GRAY"
        decode_jpeg(data, colours, fastdct=True, fastupsample=True, min_height=1, min_width=1, strict=True)
    except ValueError as error:  # also for kinds of JPEG that it cannot read, which Pillow has read
        found = DAMAGE.search(str(error))
        return str(error) if found and not _is_padding(data, found) else ""
    return ""


def _is_padding(data: bytes, found: re.Match[str]) -> bool:
    """Whether the bytes before the marker are few, or all the same: the whole picture comes before them."""
    if found["count"] is None:
        return False
    count, marker = int(found["count"]), b"\xff" + bytes.fromhex(found["marker"])
    ends = [match.start() for match in re.finditer(re.escape(marker), data)]
    return count <= PADDING or any(len(set(data[max(0, end - count) : end])) == 1 for end in ends)
