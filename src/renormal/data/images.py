"""One file to one array: decoding, bit depth, palettes, transparency, EXIF orientation, reduction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.data import png
from renormal.data.depth import Spread, is_deep, spread_of, to_8_bit
from renormal.data.jpeg import damage_in
from renormal.data.opening import opened, reading
from renormal.data.source import DataError, Fit

GREY = frozenset({"1", "L", "LA", "La", "I"})  # and the I;16 family
FACE = 128 / 178  # of the width of an aligned face: rows 45 to 172, columns 25 to 152 (Dai & Wipf, arXiv 1903.05789)
ORIENTATION = 0x0112  # EXIF tag: 1 as stored, 5 to 8 with a quarter turn
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Header(NamedTuple):
    """What an image says before its pixels are decoded."""

    size: tuple[int, int]  # width and height, once it is turned upright
    orientation: int  # EXIF: how the stored pixels are turned to be upright


def load(image: Image.Image, path: Path) -> None:
    """Decode the pixels. Raises DataError for a damaged file."""
    decoded = not getattr(image, "tile", None)
    with reading(path):
        image.load()
    if image.format == "PNG" and not decoded and (damage := _missing_in(image, path)):
        raise DataError(f"{path}: damaged image ({damage}); copy it again, or save it as PNG if nothing is wrong in it")


def _missing_in(image: Image.Image, path: Path) -> str:
    """What is missing in a PNG; "" for nothing. Its rows are counted if the last one is 0, or may be filled in."""
    with reading(path):
        if image.mode == "P":
            return png.damage_in(path.read_bytes(), int(np.asarray(image).max()))
        last = image.crop((0, image.height - 1, *image.size)).tobytes()
        return png.damage_in(path.read_bytes(), None) if image.info.get("interlace") or not any(last) else ""


def converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    """The image in another mode of Pillow; DataError where Pillow has no such conversion."""
    try:
        return (image.convert("RGB") if image.mode == "LAB" else image).convert(mode)
    except ValueError as error:
        raise DataError(f"{path}: its colours ({image.mode}) cannot be read as {mode}; save it as 8 bit RGB") from error


def header_of(path: Path, max_pixels: int) -> Header:
    """Size and orientation of an image, without its pixels."""
    with opened(path, max_pixels) as image:
        return header(image, path)


def header(image: Image.Image, path: Path) -> Header:
    """As `header_of`, of an image that is open and was not decoded yet."""
    orientation, (width, height) = orientation_of(image, path), image.size
    quarter_turn = orientation >= 5 and image.format != "TIFF"  # Pillow gives the upright size of a TIFF
    return Header((height, width) if quarter_turn else (width, height), orientation)


def orientation_of(image: Image.Image, path: Path) -> int:
    """The EXIF orientation of an image that was not decoded yet: Pillow removes the tag from a TIFF that it turns."""
    if image.format == "PNG":  # its EXIF data may come last
        load(image, path)
    with reading(path):
        orientation = image.getexif().get(ORIENTATION, 1)
    return orientation if orientation in TURNS else 1


def spread_in(path: Path, max_pixels: int) -> Spread | None:
    """How bright an image of 16 bit is; None for other images, which are not decoded."""
    with opened(path, max_pixels) as image:
        return spread_of(upright(image, path), path) if is_deep(image) else None


def upright(image: Image.Image, path: Path) -> Image.Image:
    """The decoded image, turned as its EXIF tag says. Integers of 16 bit come in the machine's byte order."""
    load(image, path)
    if image.format in ("JPEG", "MPO") and (damage := damage_in(path.read_bytes(), cmyk=image.mode == "CMYK")):
        raise DataError(f"{path}: damaged image ({damage}); copy it again, or save it as PNG if nothing is wrong in it")
    plain = Image.fromarray(np.asarray(image).astype(np.uint16)) if image.mode.startswith("I;16") else image
    return plain if image.format == "TIFF" else turned(plain, orientation_of(image, path))  # Pillow has turned a TIFF


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image turned as an EXIF orientation says."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def is_grey(image: Image.Image, path: Path) -> bool:
    """Whether the header says that there is one channel; a palette is grey when each of its colours is."""
    if image.mode in {"P", "PA"}:
        load(image, path)
        colours = np.reshape(image.getpalette("RGB") or [0, 0, 0], (-1, 3))
        return bool((np.ptp(colours, axis=1) == 0).all())
    return image.mode in GREY or image.mode.startswith("I;16")


def flattened(image: Image.Image, backdrop: str, path: Path) -> Image.Image:
    """The image over a plain backdrop, where it is transparent."""
    if not image.has_transparency_data:
        return image
    clear = converted(image, "RGBA", path)
    return Image.alpha_composite(Image.new("RGBA", clear.size, backdrop), clear).convert("RGB")


def square(size: tuple[int, int], fit: Fit) -> tuple[int, int, int, int]:
    """Left, upper, right, lower of what is kept: everything, the largest centred square, or the face's."""
    width, height = size
    if fit == "squash":
        return 0, 0, width, height
    side = min(size) if fit == "crop" else round(FACE * min(size))
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def read_image(path: Path, *, size: int, channels: int, fit: Fit, max_pixels: int, bits: int = 16) -> NDArray[np.uint8]:
    """(C, size, size): upright by its EXIF tag, transparency on white, reduced with Lanczos (antialiased).

    bits: in use in files of 16 bit, see `memory.bits_of`.
    """
    with opened(path, max_pixels) as image:
        deep = is_deep(image)
        plain = upright(image, path)
        return reduced(to_8_bit(plain, path, bits) if deep else plain, path, size=size, channels=channels, fit=fit)


def reduced(image: Image.Image, path: Path, *, size: int, channels: int, fit: Fit) -> NDArray[np.uint8]:
    """(C, size, size) of an upright image of 8 bit. path: for messages."""
    plain = converted(flattened(image, "white", path), "L" if channels == 1 else "RGB", path)
    small = plain.crop(square(plain.size, fit)).resize((size, size), Image.Resampling.LANCZOS)
    pixels = np.array(small, dtype=np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
