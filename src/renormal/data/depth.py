"""Files of 16 bit that use fewer, as a camera of 10, 12 or 14 bits writes them: one scale for all images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from renormal.data.source import DataError

DEPTHS = (8, 10, 12, 14, 16)  # bits of a camera's pixel
FULL = 16


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a channel has more than 8 bits, from the header: true only before the pixels are decoded."""
    colour = image.format in {"PNG", "TIFF"} and any(";16" in str(tile.args) for tile in image.tile)
    return image.mode == "I" or image.mode.startswith("I;16") or colour


def integers(image: Image.Image, path: Path) -> NDArray[np.int64]:
    """(H, W) values of a grey image of 16 bit. Raises DataError for values that 16 bit cannot hold."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise DataError(f"{path}: values from {values.min()} to {values.max()} exceed 16 bit; save it as 8 or 16 bit")
    return values


def brightest(image: Image.Image, path: Path) -> int:
    """The largest value of a decoded 16 bit image. Of a colour Pillow keeps the upper byte: the lower counts as 255."""
    if image.mode.startswith("I"):
        return int(integers(image, path).max())
    return int(np.asarray(image).max()) << 8 | 0xFF


def needed(largest: int) -> int:
    """The smallest of DEPTHS that holds the value."""
    return next(bits for bits in DEPTHS if largest < 1 << bits)


def to_8_bit(image: Image.Image, path: Path, bits: int) -> Image.Image:
    """The upper 8 of `bits` bits of a decoded image of 16 bit. 0: the training images have 8 bit, so none are known."""
    if not bits:
        mend = "save it as 8 bit, or set data.bits=16 if it uses all 16"
        raise DataError(f"{path}: has 16 bit, and the training images have 8; {mend}")
    if not image.mode.startswith("I"):
        if bits < FULL:
            mend = "of 16 bit colour Pillow keeps the upper 8 bits only: save all images as 8 bit"
            raise DataError(f"{path}: the images use {bits} of their 16 bits; {mend}")
        return image
    values = integers(image, path)
    if values.max() >= 1 << bits:
        found = f"values up to {values.max()}, and the training images use {bits} bits (up to {(1 << bits) - 1})"
        raise DataError(f"{path}: {found}; set data.bits to the camera's depth, for all images")
    return Image.fromarray((values >> (bits - 8)).astype(np.uint8))
