"""What one mask holds: its grey values, where they lie, and a frame around the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.int64]  # (H, W) grey values of a mask
Counts = NDArray[np.int64]  # pixels of each grey value
FLAT = 0.04  # ours, of the largest value: pixels that differ by less are one area, also in a JPEG
EXTREME = 0.1  # ours, of the largest value: so near to black or to the largest value, a JPEG makes of those
EDGE = 0.05  # ours, of the longer side: a soft edge is narrower
TRACE = 16  # ours: fewer grey pixels are a trace
SKETCH = 64  # pixels a side of a mask that is compared with others


class Frame(NamedTuple):
    """Bands of one value above 0 at the edges of a mask. value: None without any, or if the mask is all one value."""

    value: int | None
    inside: tuple[slice, slice]


class Survey(NamedTuple):
    """What one mask holds."""

    path: Path
    exact: bool  # no JPEG
    counts: Counts  # inside of its frame
    between: Counts  # of these, the pixels with a darker and a brighter neighbour
    plateau: Counts  # and those whose neighbours are all alike
    edge: Counts  # the outermost pixels, inside of its frame
    border: int | None
    band: int  # pixels of the frame
    even: Counts  # inside of its frame, the pixels whose neighbours have exactly their value
    far: int  # the largest grey value far from bright pixels; 0 without any
    rim: Counts  # the outermost pixels of the whole mask
    sketch: Values  # its values in SKETCH × SKETCH places


def frame(values: Values) -> Frame:
    """The bands of one value along the edges: what pads a picture to a square."""
    height, width = values.shape
    tolerance = int(FLAT * values.max())
    sides = [band(turned, tolerance) for turned in (values, values[::-1], values.T, values.T[::-1])]
    top, bottom, left, right = (count for count, _ in sides)
    found = [value for count, value in sides if count]
    whole = top + bottom >= height or left + right >= width
    if not found or whole or max(found) - min(found) > tolerance:
        return Frame(None, (slice(0, height), slice(0, width)))
    return Frame(int(np.median(found)), (slice(top, height - bottom), slice(left, width - right)))


def band(values: Values, tolerance: int) -> tuple[int, int]:
    """The number of leading rows that have one value above 0 or fade from it to black, and that value."""
    low, high = values.min(axis=1), values.max(axis=1)
    value = int(np.median(values[0]))
    alike = (high - low <= tolerance) & (low > tolerance) & (high - value <= tolerance)
    return (int(np.argmin(np.append(alike, False))), value) if value > tolerance else (0, 0)


def survey(path: Path, values: Values, *, exact: bool) -> Survey:
    """Count the values of one mask."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    found = frame(values)
    inside = values[found.inside]
    largest = int(inside.max())
    counts = np.bincount(inside.ravel())
    between, plateau, even, far = np.zeros_like(counts), counts, counts, 0
    if np.count_nonzero(counts) > 2:
        low, high = ndimage.minimum_filter(inside, 3), ndimage.maximum_filter(inside, 3)
        between = np.bincount(inside[(low < inside) & (inside < high)], minlength=len(counts))
        flat = high - low <= FLAT * largest
        plateau, even = (np.bincount(inside[part], minlength=len(counts)) for part in (flat, high == low))
        far = far_from(inside, framed=found.value is not None)
    edge, framed = edge_of(inside), values.size - inside.size
    sketch = inside[np.ix_(*(np.arange(SKETCH) * side // SKETCH for side in inside.shape))]
    return Survey(path, exact, counts, between, plateau, edge, found.value, framed, even, far, edge_of(values), sketch)


def edge_of(values: Values) -> Counts:
    """Of the outermost pixels."""
    return np.bincount(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]))


def far_from(values: Values, *, framed: bool) -> int:
    """The largest grey value far from all pixels that are nearly as bright as the largest: no soft edge. 0 without."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    largest, reach = values.max(), int(EDGE * max(values.shape))
    far = (ndimage.distance_transform_edt(2 * values <= largest) > reach) & (values > EXTREME * largest)
    found = (values[reach:-reach, reach:-reach][far[reach:-reach, reach:-reach]]) if framed and reach else values[far]
    return int(found.max()) if found.size >= TRACE else 0  # the rest of a frame may lie at the edges


def without_frame(one: Survey) -> Survey:
    """The survey with the pixels of its frame counted as all others."""
    if one.border is None:
        return one
    length = max(len(one.counts), one.border + 1)
    pixels = np.bincount([one.border], minlength=length) * one.band
    counts, plateau = (total([part, pixels], length) for part in (one.counts, one.plateau))
    return one._replace(counts=counts, plateau=plateau, edge=one.rim, border=None, band=0)


def total(parts: Sequence[Counts], length: int) -> Counts:
    """The sum of counts that may end at different values."""
    whole = np.zeros(length, np.int64)
    for part in parts:
        whole[: len(part)] += part
    return whole
