"""A category decoded once and kept as uint8: what training and testing draw from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renormal.data.depth import depth_line, depth_of
from renormal.data.drawn_masks import Mask, Pair, look_at, read_defects, reading_of
from renormal.data.images import header, header_of, is_grey, read_image, spread_in, square
from renormal.data.opening import opened, strict_pillow
from renormal.data.regions import regions_of
from renormal.data.source import GOOD, DataError, Item, Source, some
from renormal.data.threads import in_threads

LARGEST = 512  # px of `own_side`, section 4.1 of the paper for textures
LITTLE = 1.1  # ours: a photograph that is enlarged by less costs hardly more time, as 640 × 480 to 512
UNKNOWN = -1  # regions of a defective image without a mask
log = logging.getLogger("renormal")


class Labelled(NamedTuple):
    """Test images with their labels, in the order of `source.test`."""

    images: Tensor  # (N, C, H, W) uint8
    regions: Tensor  # (N, H, W) int32: 0 normal, k = k-th connected defect, −1 unknown
    defects: list[str]
    paths: list[str]  # relative to source.root


def channels_of(source: Source) -> int:
    """1 where every image of the category has a single channel, else 3."""

    def grey(item: Item) -> bool:
        with opened(item.image, source.max_pixels) as image:
            return is_grey(image, item.image)

    return 1 if all(in_threads(grey, source.items, f"{source.name}: reading headers")) else 3


def bits_of(source: Source) -> int:
    """The bits that training images in files of 16 bit use: 8, 10, 12, 14 or 16. 0 if no file has 16 bit.

    It is one number for the data set: see `depth_of`. A line in the log says it where it is not 16.
    """
    title = f"{source.name}: reading bit depths"
    found = in_threads(lambda item: spread_in(item.image, source.max_pixels), source.items, title)
    training, others = (
        [one for one in part if one] for part in (found[: len(source.train)], found[len(source.train) :])
    )
    if not training:
        return 0
    bits = depth_of(training)
    if line := depth_line(training, others, bits):
        log.info("%s: %s", source.name, line)
    return bits


def _load_images(
    source: Source, items: Sequence[Item], *, size: int, channels: int | None, bits: int | None, title: str
) -> Tensor:
    count = channels_of(source) if channels is None else channels
    if count not in (1, 3):
        raise DataError(f"channels must be 1, 3 or null (as the files are), got {channels}")
    depth = bits_of(source) if bits is None else bits

    def read(item: Item) -> NDArray[np.uint8]:
        shape = {"size": size, "channels": count, "bits": depth}
        return read_image(item.image, **shape, fit=source.fit, max_pixels=source.max_pixels)

    return torch.from_numpy(np.stack(in_threads(read, items, f"{source.name}: reading {title}")))


def load_training(
    source: Source, *, size: int, channels: int | None, bits: int | None = None, fixed: bool = False
) -> Tensor:
    """(N, C, size, size) uint8 of the good images; `size` is 512 for textures and 128 for objects in section 4.1.

    channels, bits: None finds them, see `channels_of` and `bits_of`. A line in the log says where they are enlarged.
    fixed: the network is trained further, so that line advises no other size.
    """
    if line := enlarging(source, size, fixed=fixed):
        log.info("%s: %s", source.name, line)
    return _load_images(source, source.train, size=size, channels=channels, bits=bits, title="training images")


def aspects_of(source: Source) -> Tensor | None:
    """(N,) width / height of the training photographs. None if all are square, none is squashed or none turned."""
    if source.fit != "squash" or not source.augmentation.rotate:
        return None
    found = in_threads(lambda item: _aspect(item.image, source), source.train, f"{source.name}: reading shapes")
    return torch.tensor(found) if any(aspect != 1 for aspect in found) else None


def _aspect(path: Path, source: Source) -> float:
    with opened(path, source.max_pixels) as image:
        if image.width == image.height:
            return 1.0
        width, height = header(image, path).size
    return width / height


def enlarging(source: Source, size: int, *, fixed: bool = False) -> str | None:
    """A line where the first training image is enlarged by more than LITTLE to what the network is to see."""
    first = source.train[0].image
    found, own = _shown(source, first)
    if own * LITTLE >= size:
        return None
    key = f"data.{source.kind}_size"
    enlarged = f"{first.name} of {found[0]} × {found[1]} pixels is enlarged to {key}={size}"
    if fixed:
        return f"{enlarged}, as the network of continue= sees an image: photographs of that size would show more"
    return f"{enlarged}: that shows nothing more and takes longer; {key}={own} is the most that it holds"


def own_side(source: Source, patch: int) -> int:
    """The largest multiple of `patch` that most training images hold, at most LARGEST and at least `patch`, px."""
    median = int(np.median([_shown(source, item.image)[1] for item in some(source.train)]))
    return max(1, min(median, LARGEST) // patch) * patch


def _shown(source: Source, path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a file, and the shorter side of what is kept of it."""
    with strict_pillow():
        found = header_of(path, source.max_pixels).size
    left, upper, right, lower = square(found, source.fit)
    return found, min(right - left, lower - upper)


def load_spare(source: Source, *, size: int, channels: int | None, bits: int | None = None) -> Tensor:
    """The same of the good images that were kept from training."""
    return _load_images(source, source.spare, size=size, channels=channels, bits=bits, title="spare images")


def load_apart(source: Source, *, size: int, channels: int | None, bits: int | None = None) -> Tensor:
    """The same of the good images that thresholds are measured on."""
    return _load_images(source, source.apart, size=size, channels=channels, bits=bits, title="images set apart")


def load_test(
    source: Source, *, size: int, channels: int | None, bits: int | None = None, mask_level: float | None = None
) -> Labelled:
    """The test images. Their defects are numbered in the masks as drawn (8-connected), then reduced.

    mask_level: pixels of a mask above it are defects; None finds it in the values of all masks.
    """
    if not source.test:
        raise DataError(f"{source.root}: {source.name} has no test images; add some, or run stages=[train]")
    images = _load_images(source, source.test, size=size, channels=channels, bits=bits, title="test images")
    regions = torch.from_numpy(np.stack(_load_regions(source, size, mask_level)))
    paths = [item.image.relative_to(source.root).as_posix() for item in source.test]
    return Labelled(images, regions, [item.defect for item in source.test], paths)


def _load_regions(source: Source, size: int, level: float | None) -> list[NDArray[np.int32]]:
    """Of each test image. A line in the log says how the masks are read, where there was something to decide."""

    def surveyed(pair: Pair) -> Mask:
        return look_at(pair, source.max_pixels)

    def read(item: Item) -> NDArray[np.int32]:
        if item.mask is None:
            return np.full((size, size), 0 if item.defect == GOOD else UNKNOWN, np.int32)
        defects = read_defects(masks[item.mask], reading, fit=source.fit, max_pixels=source.max_pixels)
        try:
            return regions_of(defects, size).astype(np.int32)
        except ValueError as error:
            raise DataError(f"{item.mask}: {error}; is it a mask?") from error

    pairs = [Pair(item.mask, item.image) for item in source.test if item.mask is not None]
    masks = {mask.pair.mask: mask for mask in in_threads(surveyed, pairs, f"{source.name}: reading masks")}
    reading, lines = reading_of(list(masks.values()), level)
    for line in lines:
        log.info("%s: %s", source.name, line)
    return in_threads(read, source.test, f"{source.name}: reducing masks")
