"""Files of 16 bit that use fewer, as a camera of 10, 12 or 14 bits writes them: one scale for all images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from renormal.data.source import DataError

DEPTHS = (8, 10, 12, 14, 16)  # bits of a camera's pixel
FULL = 16
FEW, SHARE = 3, 1e-4  # ours: so many pixels of an image, or this share, may be defects of the camera: hot pixels
APART = 4  # ours, bits: images of one camera are not 16 times as bright as most others


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


class Spread(NamedTuple):
    """How bright an image of 16 bit is. Of a colour Pillow keeps the upper byte: the lower counts as 255."""

    path: Path
    inner: int  # the largest value without the few brightest pixels
    few: NDArray[np.int64]  # the values of those

    def above(self, bits: int) -> int:
        """The number of the few pixels that do not fit into the bits."""
        return int((self.few >= 1 << bits).sum())


def spread_of(image: Image.Image, path: Path) -> Spread:
    """Of a decoded image of 16 bit."""
    deep = image.mode.startswith("I")
    values = (integers(image, path) if deep else np.asarray(image).astype(np.int64) << 8 | 0xFF).ravel()
    few = few_of(values.size)
    ordered = np.partition(values, values.size - few - 1)
    return Spread(path, int(ordered[-few - 1]), ordered[-few:])


def few_of(pixels: int) -> int:
    """How many pixels of an image may be defects of the camera."""
    return min(max(FEW, int(SHARE * pixels)), pixels - 1)


def needed(largest: int) -> int:
    """The smallest of DEPTHS that holds the value."""
    return next(bits for bits in DEPTHS if largest < 1 << bits)


def depth_of(training: Sequence[Spread]) -> int:
    """The bits that hold all training images without the few brightest pixels of each.

    Raises DataError where a few images need far more bits than all others: they may have another scale.
    """
    needs = [needed(one.inner) for one in training]
    most = max(needs)
    others = [bits for bits in needs if bits < most]
    if others and 2 * len(others) > len(needs) and most - max(others) >= APART:
        odd = training[needs.index(most)]
        found = f"values up to {odd.inner}, and {len(others)} of {len(needs)} training images use {max(others)} bits"
        mend = f"save it at their scale, or set data.bits={most} if it has that of the others"
        raise DataError(f"{odd.path}: {found} (up to {(1 << max(others)) - 1}); {mend}")
    return most


def depth_line(training: Sequence[Spread], others: Sequence[Spread], bits: int) -> str:
    """What was decided, and which pixels are too bright for it. Empty where the whole range is used by all."""
    largest = max(int(value) for one in training for value in (one.inner, *one.few) if value < 1 << bits)
    line = f"16 bit training images with values up to {largest}: all images are read as {bits} bits"
    hot = [one for one in (*training, *others) if one.inner < 1 << bits and one.above(bits)]
    if hot:
        pixels, example = sum(one.above(bits) for one in hot), hot[0]
        line += f"; {pixels} single pixels of {len(hot)} images are brighter and count as the brightest"
        line += f", as in {example.path} ({example.few.max()})"
    return line if bits < FULL else ""


def to_8_bit(image: Image.Image, path: Path, bits: int) -> Image.Image:
    """The upper 8 of `bits` bits of a decoded image of 16 bit. 0: the training images have 8 bit, so none are known.

    A few brighter pixels count as the brightest.
    """
    if not bits:
        mend = "save it as 8 bit, or set data.bits=16 if it uses all 16"
        raise DataError(f"{path}: has 16 bit, and the training images have 8; {mend}")
    if not image.mode.startswith("I"):
        if bits < FULL:
            mend = "of 16 bit colour Pillow keeps the upper 8 bits only: save all images as 8 bit"
            raise DataError(f"{path}: the images use {bits} of their 16 bits; {mend}")
        return image
    values, top = integers(image, path), (1 << bits) - 1
    if (values > top).sum() > few_of(values.size):
        found = f"values up to {values.max()}, and the training images use {bits} bits (up to {top})"
        wanted = needed(spread_of(image, path).inner)
        mend = f"train a network with data.bits={wanted}, or save this image at their scale"
        raise DataError(f"{path}: {found}; {mend}")
    return Image.fromarray((values.clip(max=top) >> (bits - 8)).astype(np.uint8))
