"""A photograph reduced to 4 kB: enough to compare it with others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renormal.data.depth import FULL, depth_of, is_deep, to_8_bit
from renormal.data.images import converted, flattened, header, spread_in, square, upright
from renormal.data.opening import opened
from renormal.data.source import Fit, Item, some
from renormal.data.threads import in_threads

SIDE = 256  # pixels that the numbers are measured at
SMALL = 32  # pixels of what is kept
BLOCKS = 8  # blocks a side
LEVELS, DIRECTIONS, BANDS = 16, 12, 5  # bins of the shades, bins of the directions, octaves of detail
TILE = 8  # pixels a side: the contrast of a block is that within its tiles
QUIET = 1e-3  # contrast below which a block counts as plain

Numbers: TypeAlias = NDArray[np.floating[Any]]


class Thumbnail(NamedTuple):
    """One photograph, reduced. Shades lie in [0, 1]."""

    item: Item
    size: tuple[int, int]  # width and height of the photograph, upright
    pixels: NDArray[np.uint8]  # (SMALL, SMALL, 3), cut and squashed as the network gets it
    colour: Numbers  # (6,) mean and standard deviation of each channel
    shades: Numbers  # (LEVELS,) share of the pixels in each bin of shades
    detail: Numbers  # (BANDS,) logarithm of the mean contrast in each octave, the finest first
    directions: Numbers  # (DIRECTIONS,) share of the edges in each direction
    means: Numbers  # (BLOCKS, BLOCKS) mean shade of each block
    contrasts: Numbers  # (BLOCKS, BLOCKS) logarithm of the contrast of each block


def some_thumbnails(items: Sequence[Item], *, fit: Fit, max_pixels: int, title: str) -> list[Thumbnail]:
    """Of `some` of the photographs. The bits in use in files of 16 bit are found in these."""
    chosen = some(items)
    spreads = in_threads(lambda item: spread_in(item.image, max_pixels), chosen, "reading bit depths")
    deep = [spread for spread in spreads if spread]
    bits = depth_of(deep) if deep else FULL
    return thumbnails(chosen, fit=fit, max_pixels=max_pixels, bits=bits, title=title)


def thumbnails(
    items: Sequence[Item],
    *,
    fit: Fit = "squash",
    max_pixels: int,
    bits: int = FULL,
    title: str = "examining photographs",
) -> list[Thumbnail]:
    """The photographs in their order, 4 kB each. bits: in use in files of 16 bit, see `memory.bits_of`."""
    return in_threads(partial(thumbnail, fit=fit, max_pixels=max_pixels, bits=bits), items, title)


def thumbnail(item: Item, *, fit: Fit, max_pixels: int, bits: int = FULL) -> Thumbnail:
    """Read one photograph at the smallest size that its format can be decoded to, from SIDE on."""
    picture, size = reduced(item, side=SIDE, fit=fit, max_pixels=max_pixels, bits=bits)
    small = np.array(picture.resize((SMALL, SMALL), Image.Resampling.BOX), dtype=np.uint8)
    plain = picture.convert("L")
    grey = np.asarray(plain, np.float32) / 255
    shades = np.reshape(plain.histogram(), (LEVELS, -1)).sum(1) / grey.size
    return Thumbnail(
        item,
        size,
        small,
        _colour(picture),
        shades.astype(np.float32),
        _detail(grey),
        _directions(means(grey, SIDE // 2)),
        means(grey, BLOCKS),
        np.log(np.sqrt(means(_variance(grey), BLOCKS)) + QUIET),
    )


def reduced(
    item: Item, *, side: int, fit: Fit, max_pixels: int, bits: int = FULL
) -> tuple[Image.Image, tuple[int, int]]:
    """The photograph as RGB of side × side pixels, and its own size. A JPEG is decoded at ½, ¼ or ⅛ of its size."""
    path = item.image
    with opened(path, max_pixels) as image:
        deep, size = is_deep(image), header(image, path).size
        image.draft(None, (side, side))  # of formats other than JPEG it does nothing
        plain = upright(image, path)
        if deep:
            plain = to_8_bit(plain, path, bits)
        plain = converted(flattened(plain, "white", path), "RGB", path)
    kept = plain.crop(square(plain.size, fit))
    return kept.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0), size


def means(values: Numbers, side: int) -> Numbers:
    """(S, S) → (side, side): the mean of each block. S / side is a power of 2."""
    while len(values) > side:
        values = (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4
    return values


def _colour(picture: Image.Image) -> Numbers:
    counts = np.reshape(picture.histogram(), (3, -1)) / (picture.width * picture.height)
    values = np.arange(256) / 255
    mean = counts @ values
    return np.concatenate([mean, np.sqrt(np.maximum(counts @ values**2 - mean**2, 0))]).astype(np.float32)


def _variance(grey: Numbers) -> Numbers:
    """(SIDE, SIDE) → (SIDE / TILE, SIDE / TILE): the variance of the shades in each tile."""
    return np.maximum(means(grey * grey, SIDE // TILE) - means(grey, SIDE // TILE) ** 2, np.float32(0))


def _detail(grey: Numbers) -> Numbers:
    """Each octave is what a mean over 2 × 2 pixels takes away."""
    found = []
    for _ in range(BANDS):
        half = means(grey, len(grey) // 2)
        found.append(np.log(np.abs(grey - half.repeat(2, 0).repeat(2, 1)).mean() + QUIET))
        grey = half
    return np.array(found, np.float32)


def _directions(grey: Numbers) -> Numbers:
    down, right = grey[2:, 1:-1] - grey[:-2, 1:-1], grey[1:-1, 2:] - grey[1:-1, :-2]
    angle = np.arctan2(down, right) % np.pi / np.pi * DIRECTIONS
    bins = np.minimum(angle.astype(int), DIRECTIONS - 1)
    edges = np.bincount(bins.ravel(), np.hypot(right, down).ravel(), DIRECTIONS)
    shares: Numbers = edges / max(edges.sum(), QUIET)
    return shares.astype(np.float32)
