"""What the grey values of masks mean: two values, numbers of classes, soft edges, a frame around the drawing.

The values of all masks of a data set are looked at together, so that one rule holds for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Values = NDArray[np.int64]  # (H, W) grey values of a mask
Counts = NDArray[np.int64]  # pixels of each grey value
SMALL = 32  # ours: masks with no value above it hold numbers; grey levels would be brighter
FLAT = 0.04  # ours, of the largest value: pixels that differ by less are one area, also in a JPEG
EXTREME = 0.1  # ours, of the largest value: so near to black or to the largest value, a JPEG makes of those
STEPS = (
    0.2  # ours: areas of class numbers have few pixels between a darker and a brighter one, soft edges nearly only such
)
PLATEAU = 0.3  # ours: soft edges have few flat areas of a middle grey
MANY = 0.8  # ours: share of pixels that are nearly black or nearly the largest value, where edges are soft
SAME = 0.1  # ours: share of a frame's value in the areas inside, above which it is a defect's value, too
BRIGHT, RIM = 0.5, 0.9  # ours: brighter masks, with a brighter edge, may be inverted


class UndecidedError(ValueError):
    """What the masks hold, and why that does not say which pixels are defects."""


class BackgroundError(UndecidedError):
    """The masks mark what is no defect: no level of grey mends that."""


class Reading(NamedTuple):
    """How the masks of a data set are read.

    level: a pixel above it is a defect. border: the value of a frame around the drawing, which is no defect; None
    without one. turns: masks that must be turned to lie on their photographs, each with its EXIF orientation.
    """

    level: float = 0.0
    border: int | None = None
    turns: Mapping[Path, int] = MappingProxyType({})


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


def frame(values: Values) -> Frame:
    """The bands of one value along the edges: what pads a picture to a square."""
    height, width = values.shape
    tolerance = int(FLAT * values.max())
    sides = [band(turned, tolerance) for turned in (values, values[::-1], values.T, values.T[::-1])]
    top, bottom, left, right = (count for count, _ in sides)
    found = [value for count, value in sides if count]
    whole = top == height
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
    found = frame(values)
    inside = values[found.inside]
    largest = int(inside.max())
    counts = np.bincount(inside.ravel())
    between, plateau = np.zeros_like(counts), counts
    if np.count_nonzero(counts) > 2:
        low, high = ndimage.minimum_filter(inside, 3), ndimage.maximum_filter(inside, 3)
        between = np.bincount(inside[(low < inside) & (inside < high)], minlength=len(counts))
        plateau = np.bincount(inside[high - low <= FLAT * largest], minlength=len(counts))
    rim = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    edge, framed = np.bincount(rim), values.size - inside.size
    return Survey(path, exact, counts, between, plateau, edge, found.value, framed)


def decide(surveys: Sequence[Survey]) -> tuple[Reading, str]:
    """The reading of the masks, and a sentence that says it; empty if each has one value above 0 and no frame.

    Raises UndecidedError, with the name of a mask and its values, where they do not say which pixels are defects.
    """
    if not surveys:
        return Reading(), ""
    border = border_of(surveys)
    if border is None:
        surveys = [without_frame(one) for one in surveys]
    level, sentence = level_of(surveys)
    check_background(surveys, level)
    if border is not None:
        sentence = f"{sentence or 'masks hold one value above 0, a defect'}; their frame of value {border} is none"
    return Reading(level, border), sentence


def border_of(surveys: Sequence[Survey]) -> int | None:
    """The value of a frame that all masks have and no defect has."""
    largest = max(len(one.counts) for one in surveys) - 1
    framed = [one for one in surveys if one.border is not None and one.counts[int(EXTREME * largest) + 1 :].any()]
    if not framed:
        return None
    value, tolerance = int(np.median([one.border for one in framed])), int(FLAT * largest)
    alike = [one for one in surveys if one.border is not None and abs(one.border - value) <= tolerance]
    areas = total([one.counts - one.between for one in surveys], largest + 1)
    areas[: int(EXTREME * largest) + 1] = 0
    same = int(areas[max(0, value - tolerance) : value + tolerance + 1].sum())
    if same <= SAME * areas.sum():
        if len(alike) == len(surveys) > 1:
            return value
        where = f"{len(alike)} of {len(surveys)} masks have a frame of value {value}, and no defect has it"
        raise UndecidedError(f"{framed[0].path}: {where}: perhaps it is none")
    inverted = same + sum(one.band for one in alike) > BRIGHT * sum(one.counts.sum() + one.band for one in surveys)
    if len(alike) == len(surveys) > 2 and not inverted:
        raise UndecidedError(f"{framed[0].path}: every mask has a frame of value {value}, as defects have it")
    return None


def without_frame(one: Survey) -> Survey:
    """The survey with the pixels of its frame counted as all others."""
    if one.border is None:
        return one
    length = max(len(one.counts), one.border + 1)
    pixels = np.bincount([one.border], minlength=length) * one.band
    counts, plateau, edge = (total([part, pixels], length) for part in (one.counts, one.plateau, one.edge))
    return one._replace(counts=counts, plateau=plateau, edge=edge, border=None, band=0)


def total(parts: Sequence[Counts], length: int) -> Counts:
    """The sum of counts that may end at different values."""
    whole = np.zeros(length, np.int64)
    for part in parts:
        whole[: len(part)] += part
    return whole


def level_of(surveys: Sequence[Survey]) -> tuple[float, str]:
    """The level above which a pixel is a defect, and a sentence that says so; empty if there was nothing to decide."""
    if all(np.count_nonzero(one.counts[1:]) <= 1 for one in surveys):
        return 0.0, ""
    length = max(len(one.counts) for one in surveys)
    counts, between = total([one.counts for one in surveys], length), total([one.between for one in surveys], length)
    values = np.flatnonzero(counts)[np.flatnonzero(counts) > 0]
    largest, example = int(values[-1]), max(surveys, key=lambda one: np.count_nonzero(one.counts)).path
    numbers = f"masks hold the numbers {shown(values)}: each above 0 is a defect"
    if largest <= SMALL:
        if blurred := next((one.path for one in surveys if not one.exact), None):
            raise UndecidedError(f"{blurred}: a JPEG with values up to {largest}, which JPEG does not keep")
        return 0.0, numbers
    if float((between[values[:-1]] / counts[values[:-1]]).mean()) <= STEPS:
        if values[0] > EXTREME * largest or len(values) == largest:
            return 0.0, numbers
        if any(one.exact for one in surveys):
            raise UndecidedError(f"{example}: holds {shown(values)}, which may be numbers of classes or traces of grey")
    extreme = counts[: int(EXTREME * largest) + 1].sum() + counts[int(np.ceil((1 - EXTREME) * largest)) :].sum()
    middle = slice(int(EXTREME * largest) + 1, int(np.ceil((1 - EXTREME) * largest)))
    plateau = total([one.plateau for one in surveys], length)
    if plateau[middle].sum() > PLATEAU * counts[middle].sum() or extreme < MANY * counts.sum():
        raise UndecidedError(f"{example}: holds {shown(values)}, which are no class numbers and no soft edges")
    return largest / 2, f"masks have soft edges (values up to {largest}): a pixel above {largest / 2:g} is a defect"


def shown(values: NDArray[np.int64]) -> str:
    """The first values, and how many there are."""
    first = ", ".join(str(value) for value in values[:6])
    return first if len(values) <= 6 else f"{first}, … {values[-1]} ({len(values)} values)"


def check_background(surveys: Sequence[Survey], level: float) -> None:
    """Raises BackgroundError if every mask marks its whole image, or if the masks look inverted."""
    above = int(level) + 1
    part = [one for one in surveys if one.counts[:above].any()]
    if not part:
        raise BackgroundError(f"{surveys[0].path}: marks its whole image, and so does every mask: they outline nothing")
    share = sum(one.counts[above:].sum() for one in part) / sum(one.counts.sum() for one in part)
    edge = sum(one.edge[above:].sum() for one in part) / sum(one.edge.sum() for one in part)
    if share > BRIGHT and edge > RIM:
        found = f"the masks are bright at {edge:.0%} of their edges and {share:.0%} of their area"
        raise BackgroundError(f"{part[0].path}: {found}: they may be inverted, with black as the defect")
