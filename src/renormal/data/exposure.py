"""Sizes, light and sharpness of photographs: whether they are all alike, come in two groups, or differ in the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from renormal.data.source import Fit
from renormal.data.thumbnails import Numbers, Thumbnail

FEW = 8  # ours: fewer photographs make no two groups
SHAPE = 1.02  # ours: shapes that differ by less are one
STRETCH = 1.1  # ours: parts that are squashed by less look as before
GROUP = 0.1  # ours, of the photographs: fewer are no group
APART = 3.0  # ours: the gap between two groups, in standard deviations of the wider one
BEYOND = 0.8  # ours, of the good test photographs: so many outside of the training's range are another exposure
EXAMPLES = 5  # sizes that a line names
DARK = 0.02  # shade


class Quantity(NamedTuple):
    """One number of a photograph that should be the same for all."""

    name: str
    of: Callable[[Thumbnail], float]
    least: float  # a smaller difference does not count
    shown: Callable[[float], str]


QUANTITIES = (
    Quantity("brightness", lambda one: float(one.means.mean()) * 255, 10, lambda value: f"{value:.0f} of 255"),
    Quantity("ratio of red to blue", lambda one: _ratio(one, 0, 2), 0.08, lambda value: f"{np.exp(value):.2f}"),
    Quantity("ratio of green to red", lambda one: _ratio(one, 1, 0), 0.08, lambda value: f"{np.exp(value):.2f}"),
    Quantity("fine detail", lambda one: float(one.detail[0]), 0.4, lambda value: f"{np.exp(value):.3f}"),
)


def sizes(photographs: Sequence[Thumbnail], fit: Fit, *, fixed: bool = False) -> list[str]:
    """A line where the photographs have several sizes, or are all squashed by more than STRETCH.

    fixed: the network is trained further, so the fit cannot be changed, and no line advises that.
    """
    (size, count), *others = Counter(one.size for one in photographs).most_common()
    if others:
        found = f"{count} photographs of {_shown(size)}, {_others(photographs, others)}"
        return [f"{found}: {_mend([size, *dict(others)], fit, fixed)}"]
    longer, shorter = max(size), min(size)
    if fit != "squash" or longer <= STRETCH * shorter:
        return []
    side = "width" if size[0] > size[1] else "height"
    squashed = f"become square, their {side} shrinks {longer / shorter:.2f} times as much"
    line = f"photographs of {_shown(size)} {squashed}: new ones of this shape are treated alike"
    other = "data.fit=crop keeps the shape of the part instead, but leaves out what is not in the square in the middle"
    return [line if fixed else f"{line}; {other}"]


def _others(photographs: Sequence[Thumbnail], others: Sequence[tuple[tuple[int, int], int]]) -> str:
    """Each further size, with the name of one photograph."""
    first = {one.size: one.item.image.name for one in reversed(photographs)}
    named = ", ".join(f"{count} of {_shown(size)} ({first[size]})" for size, count in others[:EXAMPLES])
    return named + (f" and {len(others) - EXAMPLES} more sizes" if len(others) > EXAMPLES else "")


def _mend(found: Sequence[tuple[int, int]], fit: Fit, fixed: bool) -> str:
    shapes = [width / height for width, height in found]
    alike = "use one camera and one crop for all"
    if max(shapes) / min(shapes) <= SHAPE or fit != "squash":
        return alike
    return f"data.fit=squash squashes these parts differently; {alike if fixed else f'set data.fit=crop, or {alike}'}"


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def exposures(good: Sequence[Thumbnail], tested: Sequence[Thumbnail]) -> list[str]:
    """A line for all quantities in which good photographs make the same two groups, and for each in which the good
    tested ones are others.
    """
    lines, groups = [], dict[frozenset[int], list[tuple[Quantity, Numbers]]]()
    for quantity in QUANTITIES:
        values = np.array([quantity.of(one) for one in good])
        if (limit := between(values, quantity.least)) is not None:
            with_first = values < limit if values[0] < limit else values > limit
            groups.setdefault(frozenset(np.flatnonzero(with_first).tolist()), []).append((quantity, values))
        elif tested and (line := _shifted(quantity, values, np.array([quantity.of(one) for one in tested]))):
            lines.append(line)
    return [*(_groups(quantities, sorted(first), good) for first, quantities in groups.items()), *lines]


def smaller_groups(good: Sequence[Thumbnail]) -> list[tuple[Thumbnail, str]]:
    """The photographs of the smaller of two groups, each with its value, for each quantity that makes two groups."""
    found = []
    for quantity in QUANTITIES:
        values = np.array([quantity.of(one) for one in good])
        if (limit := between(values, quantity.least)) is not None:
            smaller = min(values < limit, values > limit, key=np.count_nonzero)
            found += [(good[int(k)], f"{quantity.name} {quantity.shown(values[k])}") for k in np.flatnonzero(smaller)]
    return found


def between(values: Numbers, least: float) -> float | None:
    """The middle of the widest gap, if it parts the values into two groups. None if they are one."""
    ordered = np.sort(values)
    smallest = max(3, int(np.ceil(GROUP * len(ordered))))
    if len(ordered) < max(FEW, 2 * smallest):
        return None
    gaps = np.diff(ordered)[smallest - 1 : len(ordered) - smallest]
    place = int(np.argmax(gaps)) + smallest
    wider = max(ordered[:place].std(), ordered[place:].std())
    gap = ordered[place] - ordered[place - 1]
    return float(ordered[place - 1 : place + 1].mean()) if gap > max(least, APART * wider) else None


def _groups(quantities: Sequence[tuple[Quantity, Numbers]], first: list[int], good: Sequence[Thumbnail]) -> str:
    """The two groups, first the one with the lower values of the first quantity. first: places of one of them."""
    inside = np.isin(np.arange(len(good)), first)
    parts = sorted((inside, ~inside), key=lambda chosen: quantities[0][1][chosen].min())
    said = []
    for chosen in parts:
        ranges = [
            f"{one.shown(values[chosen].min())} to {one.shown(values[chosen].max())}" for one, values in quantities
        ]
        named = good[int(np.argmax(chosen))].item.image.name
        said.append(f"{np.count_nonzero(chosen)} photographs with {' and '.join(ranges)} ({named}, …)")
    names = " and ".join(one.name for one, _ in quantities)
    mend = "two cameras, lamps or kinds of part? keep both if both will be inspected, else take one of them out"
    return f"the good photographs fall into two groups by {names}: {' and '.join(said)}; {mend}"


def _shifted(quantity: Quantity, values: Numbers, tested: Numbers) -> str:
    low, high = values.min(), values.max()
    margin = max(quantity.least, float(values.std()))
    outside = ((tested < low - margin) | (tested > high + margin)).mean()
    if len(tested) < 3 or outside < BEYOND:
        return ""
    ranges = [f"{quantity.shown(part.min())} to {quantity.shown(part.max())}" for part in (values, tested)]
    mend = "photograph both in one way, or all tested parts are called defective"
    return f"{quantity.name} is {ranges[0]} in training and {ranges[1]} in good tested photographs; {mend}"


def _ratio(one: Thumbnail, channel: int, other: int) -> float:
    """Logarithm of the ratio of the means of two channels; of two dark ones nearly 0."""
    return float(np.log((one.colour[channel] + DARK) / (one.colour[other] + DARK)))
