"""The same photograph twice: the same pixels, or saved again as JPEG or at another size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renormal.data.images import upright
from renormal.data.opening import opened
from renormal.data.thumbnails import Numbers, Thumbnail

# Ours. At SMALL pixels a photograph differs from its copy, saved as JPEG of quality 75 or at half the size, by up to
# 1.3 grey levels and 0.14 of its distance to others. The photographs of MVTec AD, CelebA and the drawn categories that
# resemble each other most differ by 0.18 and more: one toothbrush, photographed twice.
LEVELS = 1.5  # root mean square difference in grey levels of 255
SHARE = 0.16  # of the distance to others: the nearest quarter of them begins there
SPOT = 8.0  # times LEVELS: a larger difference in one place is a defect, not a copy
OTHERS = 256  # photographs that the distance to others is measured on
GAIN = 1.25  # a copy is at most so much brighter
ROWS = 256  # photographs that are compared with all others at once


class Copies(NamedTuple):
    """Photographs that are one, by their places in the list."""

    members: tuple[int, ...]
    identical: bool  # every pixel of them, upright


def copies(photographs: Sequence[Thumbnail], max_pixels: int) -> list[Copies]:
    """Groups of two and more photographs that show the same."""
    group = list(range(len(photographs)))

    def root(one: int) -> int:
        while group[one] != one:
            one = group[one]
        return one

    for first, second in near_pairs(photographs):
        group[max(root(first), root(second))] = min(root(first), root(second))
    members: dict[int, list[int]] = {}
    for one in range(len(photographs)):
        members.setdefault(root(one), []).append(one)
    return [_copies(photographs, found, max_pixels) for found in members.values() if len(found) > 1]


def _copies(photographs: Sequence[Thumbnail], members: list[int], max_pixels: int) -> Copies:
    paths = [photographs[one].item.image for one in members]
    return Copies(tuple(members), all(same_pixels(paths[0], path, max_pixels) for path in paths[1:]))


def same_pixels(first: Path, second: Path, max_pixels: int) -> bool:
    """Whether two files show exactly the same, upright."""
    if first.stat().st_size == second.stat().st_size and first.read_bytes() == second.read_bytes():
        return True
    pixels = []
    for path in (first, second):
        with opened(path, max_pixels) as image:
            pixels.append(np.asarray(upright(image, path)))
    return pixels[0].shape == pixels[1].shape and bool((pixels[0] == pixels[1]).all())


def near_pairs(photographs: Sequence[Thumbnail]) -> Iterator[tuple[int, int]]:
    """Pairs of places in the list whose photographs differ by less than copies do."""
    grey = greys(photographs)
    if len(grey) < 3:
        return
    sample = grey[np.linspace(0, len(grey) - 1, min(OTHERS, len(grey))).astype(int)]
    others = np.concatenate([_to_others(part, sample) for part in _parts(grey)])
    for start in range(0, len(grey), ROWS):
        part = grey[start : start + ROWS]
        distance = distances(part, grey)
        limit = np.minimum(LEVELS, SHARE * np.minimum(others[start : start + ROWS, None], others[None]))
        for row, column in np.argwhere(distance <= limit):
            first, second = int(row) + start, int(column)
            if first < second and np.abs(grey[first] - grey[second]).max() <= SPOT * LEVELS:
                yield first, second


def greys(photographs: Sequence[Thumbnail]) -> Numbers:
    """(N, SMALL · SMALL) grey levels of 255, each around its own mean."""
    grey = np.stack([one.pixels.reshape(-1, 3).mean(1, dtype=np.float32) for one in photographs])
    centred: Numbers = grey - grey.mean(1, keepdims=True)
    return centred


def distances(rows: Numbers, columns: Numbers) -> Numbers:
    """(N, D), (M, D) → (N, M): root mean square difference, after each has been made as bright as the other."""
    common = rows @ columns.T / rows.shape[1]
    left, right = ((part * part).mean(1) for part in (rows, columns))
    least = np.float32(1e-6)
    one, other = left[:, None], right[None, :]
    by_column = np.clip(common / np.maximum(other, least), 1 / GAIN, GAIN)
    by_row = np.clip(common / np.maximum(one, least), 1 / GAIN, GAIN)
    first = one - 2 * by_column * common + by_column**2 * other
    second = other - 2 * by_row * common + by_row**2 * one
    found: Numbers = np.sqrt(np.maximum(np.maximum(first, second), 0))
    return found


def _parts(values: Numbers) -> Iterator[Numbers]:
    for start in range(0, len(values), ROWS):
        yield values[start : start + ROWS]


def _to_others(rows: Numbers, sample: Numbers) -> NDArray[np.floating]:
    return np.quantile(distances(rows, sample), 0.25, axis=1)
