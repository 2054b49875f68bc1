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

from renormal.data.mask_doubts import (
    BRIGHT,
    UndecidedError,
    check_background,
    check_each,
    check_value,
    lost_under,
    photograph_among,
)
from renormal.data.mask_survey import EXTREME, FLAT, Survey, total, without_frame

SMALL = 32  # ours: masks with no value above it hold numbers; grey levels would be brighter
STEPS = (
    0.2  # ours: areas of class numbers have few pixels between a darker and a brighter one, soft edges nearly only such
)
PLATEAU = 0.3  # ours: soft edges have few flat areas of a middle grey
NEITHER = "which are no class numbers and no soft edges"
MANY = 0.8  # ours: share of pixels that are nearly black or nearly the largest value, where edges are soft
SAME = 0.1  # ours: share of a frame's value in the areas inside, above which it is a defect's value, too


class Reading(NamedTuple):
    """How the masks of a data set are read.

    level: a pixel above it is a defect. border: the value of a frame around the drawing, which is no defect; None
    without one. turns: masks that must be turned to lie on their photographs, each with its EXIF orientation.
    """

    level: float = 0.0
    border: int | None = None
    turns: Mapping[Path, int] = MappingProxyType({})


def decide(surveys: Sequence[Survey]) -> tuple[Reading, list[str]]:
    """The reading of the masks, and a line for each thing to be said; none if each has one value above 0 and no frame.

    Raises UndecidedError, with the name of a mask and its values, where they do not say which pixels are defects.
    """
    if not surveys:
        return Reading(), []
    border = border_of(surveys)
    if border is None:
        surveys = [without_frame(one) for one in surveys]
    level, sentence = level_of(surveys)
    check_background(surveys, level)
    large = check_each(surveys, level)
    if border is not None:
        sentence = f"{sentence or 'masks hold one value above 0, a defect'}; their frame of value {border} is none"
    return Reading(level, border), [text for text in (sentence, large) if text]


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
        check_value(surveys, values)
        return 0.0, numbers
    if float((between[values[:-1]] / counts[values[:-1]]).mean()) <= STEPS:
        if values[0] > EXTREME * largest or len(values) == largest:
            check_value(surveys, values)
            return 0.0, numbers
        if any(one.exact for one in surveys):
            raise UndecidedError(f"{example}: holds {shown(values)}, which may be numbers of classes or traces of grey")
    if odd := photograph_among(surveys, largest):
        own = np.flatnonzero(odd.counts)
        raise UndecidedError(f"{odd.path}: holds {shown(own[own > 0])}, {NEITHER}")
    extreme = counts[: int(EXTREME * largest) + 1].sum() + counts[int(np.ceil((1 - EXTREME) * largest)) :].sum()
    middle = slice(int(EXTREME * largest) + 1, int(np.ceil((1 - EXTREME) * largest)))
    plateau = total([one.plateau for one in surveys], length)
    if plateau[middle].sum() > PLATEAU * counts[middle].sum() or extreme < MANY * counts.sum():
        raise UndecidedError(f"{example}: holds {shown(values)}, {NEITHER}")
    if lost := lost_under(surveys, largest / 2, largest):
        found = f"an area of value {lost[1]} would be lost, as a defect is brighter than {largest / 2:g} in most masks"
        raise UndecidedError(f"{lost[0].path}: {found}")
    return largest / 2, f"masks have soft edges (values up to {largest}): a pixel above {largest / 2:g} is a defect"


def shown(values: NDArray[np.int64]) -> str:
    """The first values, and how many there are."""
    first = ", ".join(str(value) for value in values[:6])
    return first if len(values) <= 6 else f"{first}, … {values[-1]} ({len(values)} values)"
