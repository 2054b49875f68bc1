"""Image files that nobody should have to read, as bytes: damaged, disguised, oversized."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

NOISE = np.random.default_rng(0).integers(60, 200, (48, 64), np.uint8)
PICTURE = Image.fromarray(NOISE)
COLOUR = Image.merge("RGB", [PICTURE, PICTURE.transpose(Image.Transpose.FLIP_TOP_BOTTOM), PICTURE])


def encoded(image: Image.Image, kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG with a chunk after its header."""
    whole = encoded(PICTURE, "PNG")
    return whole[:33] + chunk(kind, data) + whole[33:]


def png_of(
    width: int, height: int, pixels: bytes, *, bits: int = 8, colour: int = 0, above: bytes = b"", passes: int = 0
) -> bytes:
    """above: chunks before the pixels. passes: 1 where the rows are interlaced."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, passes))
    return b"\x89PNG\r\n\x1a\n" + header + above + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def with_tag(tag: int, value: int) -> bytes:
    """A TIFF in which a tag has another value."""
    data = bytearray(encoded(PICTURE, "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, entry) == (tag,):
            struct.pack_into("<HII", data, entry + 2, 4, 1, value)
    return bytes(data)


def exif(entries: bytes) -> bytes:
    """A JPEG whose EXIF data hold these entries, which are not checked."""
    return encoded(COLOUR, "JPEG", **FINE, exif=b"Exif\0\0II*\0\x08\0\0\0" + entries)


FINE: dict[str, Any] = {"quality": 100, "subsampling": 0}  # of a JPEG
PNG, JPEG, TIFF = encoded(COLOUR, "PNG"), encoded(COLOUR, "JPEG", **FINE), encoded(COLOUR, "TIFF")
BOMB = zlib.compress(bytes(50_000_000))
TWO = {"save_all": True, "append_images": [COLOUR.rotate(90)]}

REFUSED: dict[str, tuple[bytes, str]] = {  # the bytes of x.png; what the line says
    "no bytes": (b"", "empty file"),
    "one byte": (b"x", "not an image in spite of its name"),
    "a web page": (b"<!DOCTYPE html><html></html>", "not an image in spite of its name"),
    "a drawing in SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image in spite of its name"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "not an image in spite of its name, or of a format"),
    "PostScript, which starts a program": (encoded(COLOUR, "EPS"), "or of a format that is not read"),
    "a format without a signature": (encoded(COLOUR, "TGA"), "or of a format that is not read"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "git lfs pull"),
    "a PNG cut short": (PNG[: len(PNG) // 2], "truncated or damaged"),
    "a PNG without its end": (PNG[:-12], "truncated or damaged"),
    "a JPEG cut short": (JPEG[: len(JPEG) // 2], "truncated or damaged"),
    "a TIFF cut short": (TIFF[: len(TIFF) // 2], "truncated or damaged|tags are damaged"),
    "a header alone": (PNG[:33], "begins as a PNG, but Pillow cannot read"),
    "a changed byte": (flipped(PNG, len(PNG) // 2), "truncated or damaged"),
    "a changed checksum": (flipped(PNG, len(PNG) - 14), "truncated or damaged"),
    "a PNG without pixels": (PNG[:33] + chunk(b"IEND", b""), "truncated or damaged"),
    "900 megapixels": (png_of(30_000, 30_000, b"", bits=1), "900000000|30000 × 30000 pixels"),
    "a bomb in a text": (with_chunk(b"zTXt", b"k\0\0" + BOMB), "truncated or damaged"),
    "a bomb in a profile": (with_chunk(b"iCCP", b"k\0\0" + BOMB), "truncated or damaged"),
    "no palette": (png_of(8, 8, bytes(72), colour=3), "its palette is missing"),
    "too few rows": (png_of(8, 8, 5 * (b"\0" + bytes(range(1, 9)))), "damaged image .some of its rows are missing"),
    "no rows": (png_of(8, 8, b""), "truncated or damaged image"),
    "too few rows of the last pass": (
        png_of(8, 8, 14 * (b"\0" + bytes(range(1, 5))), passes=1),
        "some of its rows are missing",
    ),
    "a colour that the palette lacks": (
        png_of(8, 8, 8 * (b"\0" + bytes(range(8))), colour=3, above=chunk(b"PLTE", bytes(range(21)))),
        "a pixel has colour 7, and its palette ends at 6",
    ),
    "two pictures in a PNG": (encoded(COLOUR, "PNG", **TWO), "more than one picture"),
    "two pictures in a GIF": (encoded(COLOUR, "GIF", **TWO), "more than one picture"),
    "two pictures in a WebP": (encoded(COLOUR, "WEBP", **TWO), "more than one picture"),
    "EXIF data cut short": (exif(b"\xff\xff" + bytes(8)), "EXIF data or tags are damaged"),
    "two orientations": (exif(b"\1\0\x12\1\3\0\2\0\0\0\6\0\6\0\0\0\0\0"), "EXIF data or tags are damaged"),
    "tags beyond the end": (struct.pack("<2sHI", b"II", 42, 99_999), "EXIF data or tags are damaged"),
    "more rows than it holds": (with_tag(257, 4000), "rows are missing"),
    "strips of fewer rows": (with_tag(278, 1), "rows are missing"),
    "more tags than bytes": (struct.pack("<2sHIH", b"II", 42, 8, 65_535), "EXIF data or tags are damaged"),
}

READ: dict[str, bytes] = {  # of x.png, with the pixels of COLOUR
    "JPEG": JPEG,
    "progressive JPEG": encoded(COLOUR, "JPEG", progressive=True, **FINE),
    "WebP": encoded(COLOUR, "WEBP", lossless=True),
    "TIFF": TIFF,
    "a TIFF that is turned": encoded(COLOUR.rotate(90, expand=True), "TIFF", tiffinfo={0x0112: 6}),
    "BMP": encoded(COLOUR, "BMP"),
    "bytes after the end": PNG + bytes(5000),
    "an animation of one picture": encoded(COLOUR, "PNG", save_all=True),
    "a profile that is none": encoded(COLOUR, "PNG", icc_profile=bytes(200)),
    "a text that is long": PNG[:33] + chunk(b"tEXt", b"k\0" + b"a" * 3_000_000) + PNG[33:],
    "no such orientation": exif(b"\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0\0\0\0\0"),
    "a preview that is missing": JPEG[:2] + b"\xff\xe2\x00\x10MPF\0XXXXXXXXXX" + JPEG[2:],
}
