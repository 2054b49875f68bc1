"""Masks that may mark what is no defect: inverted ones, the part, photographs, and greys that would be lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from renormal.data.mask_survey import EXTREME, Survey, total

BRIGHT, RIM = 0.5, 0.9  # ours: brighter masks, with a brighter edge, may be inverted
FEW, SHARE, OWN = 4, 0.75, 0.7  # ours: fewer pixels of FEW values, and fewer extreme ones, make a photograph
PART, TIMES = 0.1, 3  # ours: a value in every mask, of this share and so many times the others, may be the part
SEVERAL, COMMON, HOLED = 3, 0.5, 0.5  # ours: masks; share of a mask that all mark; share of masks with holes
LOST, LEAST = 0.01, 9  # ours: of the pixels above a level; pixels


class UndecidedError(ValueError):
    """What the masks hold, and why that does not say which pixels are defects."""


class BackgroundError(UndecidedError):
    """The masks mark what is no defect: no level of grey mends that."""


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


def check_each(surveys: Sequence[Survey], level: float) -> str:
    """Raises UndecidedError for a mask that looks inverted, alone or as they all do. A line names the largest masks."""
    above, large = int(level) + 1, []
    for one in surveys:
        share, edge = (part[above:].sum() / part.sum() for part in (one.counts, one.edge))
        if BRIGHT < share < 1 and edge > RIM:
            found = f"marks {share:.0%} of its image and {edge:.0%} of its edges, as no other mask does"
            raise UndecidedError(f"{one.path}: {found}: it may be inverted, with black as the defect")
        large += [(share, one.path)] if share > BRIGHT else []
    check_parts(surveys, level)
    if not large:
        return ""
    share, path = max(large)
    return f"is all of that a defect? {len(large)} masks mark more than half of their image, as {path} ({share:.0%})"


def check_parts(surveys: Sequence[Survey], level: float) -> None:
    """Raises UndecidedError where all masks mark one area and leave holes in it: a part in white, defects in black."""
    from scipy import ndimage  # here: it takes a second to load, and --help must not wait

    marks = [one.sketch > level for one in surveys]
    common = np.logical_and.reduce(marks)
    if (
        len(marks) < SEVERAL
        or common.mean() < PART
        or common.sum() < COMMON * np.median([mark.sum() for mark in marks])
    ):
        return
    holed = [bool((ndimage.binary_fill_holes(mark) & ~mark).any()) for mark in marks]
    if np.mean(holed) >= HOLED:
        found = f"{common.mean():.0%} of the image is white in all masks, with holes: it may be the part"
        raise UndecidedError(f"{surveys[holed.index(True)].path}: {found}, with black as the defect")


def check_value(surveys: Sequence[Survey], values: NDArray[np.int64]) -> None:
    """Raises UndecidedError where one number, of several, covers much of every mask: it may be the part."""
    counts = total([one.counts for one in surveys], int(values[-1]) + 1)
    value = int(values[np.argmax(counts[values])])
    held = all(len(one.counts) > value and one.counts[value] for one in surveys)
    share, others = counts[value] / counts.sum(), counts[values].sum() - counts[value]
    if len(values) > 1 and len(surveys) > 1 and held and share > PART and counts[value] > TIMES * others:
        found = f"every mask holds the value {value}, in {share:.0%} of all pixels"
        raise UndecidedError(f"{surveys[0].path}: {found}: it may be the part and no defect")


def photograph_among(surveys: Sequence[Survey], largest: int) -> Survey | None:
    """A mask whose values are neither few nor near to black or to the largest."""
    low, high = int(EXTREME * largest) + 1, int(np.ceil((1 - EXTREME) * largest))
    for one in surveys:
        counts = one.counts / one.counts.sum()
        if np.sort(counts)[-FEW:].sum() < SHARE and counts[low:high].sum() > 1 - OWN:
            return one
    return None


def lost_under(surveys: Sequence[Survey], level: float, largest: int) -> tuple[Survey, int] | None:
    """A mask with an area that would be lost under the level, and the value of that area."""
    first, last = int(EXTREME * largest) + 1, int(level) + 1
    above = sum(int(one.counts[last:].sum()) for one in surveys)
    for one in surveys:
        own = len(one.counts) - 1
        if value := one.far if first <= one.far < last else own if first <= own < last else 0:
            return one, value
    exact = [one for one in surveys if one.exact]
    even = total([one.even[:last] for one in exact], last)
    even[:first] = 0
    value = int(even.argmax())
    if even[value] <= max(LEAST, LOST * above):
        return None
    return max(exact, key=lambda one: one.even[value] if len(one.even) > value else 0), value
