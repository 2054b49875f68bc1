"""A category decoded once and kept as uint8: what training and testing draw from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from tqdm import tqdm

from renormal.data.images import is_grey, opened, own_pixel_limit, read_image, read_mask, upright_size
from renormal.data.source import GOOD, DataError, Item, Source

UNKNOWN = -1  # regions of a defective image without a mask
WORKERS = 8  # ours: Pillow decodes outside the interpreter's lock, more threads only hold more full-size images

T = TypeVar("T")
R = TypeVar("R")


class Labelled(NamedTuple):
    """Test images with their labels, in the order of `source.test`."""

    images: Tensor  # (N, C, H, W) uint8
    regions: Tensor  # (N, H, W) int16: 0 normal, k = k-th connected defect, −1 unknown
    defects: list[str]
    paths: list[str]  # relative to source.root


def _in_threads(work: Callable[[T], R], inputs: Sequence[T], title: str) -> list[R]:
    """`work` over the inputs in order, with a progress bar; the first bad file ends it."""
    with own_pixel_limit(), ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        try:
            return list(tqdm(pool.map(work, inputs), title, len(inputs), leave=False, disable=None, unit="image"))
        except DataError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def channels_of(source: Source) -> int:
    """1 where every image of the category has a single channel, else 3."""

    def grey(item: Item) -> bool:
        with opened(item.image, source.max_pixels) as image:
            return is_grey(image)

    return 1 if all(_in_threads(grey, source.items, f"{source.name}: headers")) else 3


def _load_images(source: Source, items: Sequence[Item], *, size: int, channels: int | None, title: str) -> Tensor:
    count = channels_of(source) if channels is None else channels
    if count not in (1, 3):
        raise DataError(f"channels must be 1, 3 or null (as the files are), got {channels}")

    def read(item: Item) -> NDArray[np.uint8]:
        return read_image(item.image, size=size, channels=count, fit=source.fit, max_pixels=source.max_pixels)

    return torch.from_numpy(np.stack(_in_threads(read, items, f"{source.name}: {title}")))


def load_training(source: Source, *, size: int, channels: int | None) -> Tensor:
    """(N, C, size, size) uint8 of the good images; `size` is 512 for textures and 128 for objects in section 4.1."""
    return _load_images(source, source.train, size=size, channels=channels, title="training images")


def load_spare(source: Source, *, size: int, channels: int | None) -> Tensor:
    """The same of the good images that were kept from training."""
    return _load_images(source, source.spare, size=size, channels=channels, title="spare images")


def load_test(source: Source, *, size: int, channels: int | None) -> Labelled:
    """The test images, their defects numbered (8-connected, on the reduced mask)."""
    if not source.test:
        raise DataError(f"{source.root}: {source.name} has no test images; add some, or run stages=[train]")

    def read(item: Item) -> NDArray[np.int16]:
        return _regions(item, source, size)

    images = _load_images(source, source.test, size=size, channels=channels, title="test images")
    regions = torch.from_numpy(np.stack(_in_threads(read, source.test, f"{source.name}: masks")))
    paths = [item.image.relative_to(source.root).as_posix() for item in source.test]
    return Labelled(images, regions, [item.defect for item in source.test], paths)


def _regions(item: Item, source: Source, size: int) -> NDArray[np.int16]:
    if item.mask is None:
        return np.full((size, size), 0 if item.defect == GOOD else UNKNOWN, np.int16)
    upright = upright_size(item.image, source.max_pixels)
    mask = read_mask(item.mask, size=size, fit=source.fit, max_pixels=source.max_pixels, image_size=upright)
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    regions: NDArray[np.int16] = labels.astype(np.int16)
    return regions
