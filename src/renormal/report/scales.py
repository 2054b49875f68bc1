"""What the slider of a gallery's maps means: from which value on a pixel is marked, the same in every column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from renormal.report.gallery import Gallery, Restoration

MARK = 0.2  # first position of the slider where all maps have one scale: the threshold of figure 3
SHARE = 0.4  # first position where each column has a scale and no threshold: as a share of its scale, ours
IMAGE = 2.0  # position of the threshold of an image, where 1 is that of a pixel, ours
COLOURS = "Colours: the value of the map, black at 0 and brightest from the end of its scale on: {}."
OF_THRESHOLDS = (
    "Green line, where pixels are marked: around those from the threshold of the column on. The slider begins at the "
    "pixel threshold: at most the share test.false_alarms (1 % unless set) of the pixels of normal images is above it. "
    "It ends at the image threshold, which decides on the photograph as a whole (renormal-predict --column)."
)
OF_ALL = "Green line, where pixels are marked: around those from the value of the slider on, the same in all columns."
OF_EACH = (
    "Green line, where pixels are marked: around those from this share of each scale on. Not all of these columns have "
    "thresholds from normal images, so equal colours do not mean equally anomalous."
)
PIXEL, NEXT = "pixel threshold", "image threshold"  # what the slider's positions 1 and 2 are called


class Shade(NamedTuple):
    """Of a column. unit: share of its grey levels at 1 of the slider. growth: that at 2 over that at 1; 0: 2."""

    number: int
    unit: float
    growth: float = 0.0


class Scale(NamedTuple):
    """Of a gallery. top, first: last and first position of the slider. unit: what follows its number, or with `next`
    the name of 1, where `next` is that of 2. shades: of each column, by model and method. said: what colours and slider
    mean."""

    top: float
    first: float
    unit: str
    next: str
    shades: Mapping[str, Shade]
    said: str


def scale_of(gallery: Gallery) -> Scale:
    """From each column's own threshold of a pixel to that of an image where all have both, else of the maps' scale."""
    columns, limit = gallery.columns, gallery.limit
    ends = (
        f"{limit:.3g}" if limit is not None else ", ".join(f"{one.limit:.3g} ({name})" for name, one in columns.items())
    )
    colours = COLOURS.format(ends)
    own = {name: (one.pixel, one.image / one.pixel) for name, one in columns.items() if one.pixel and one.image}
    if len(own) == len(columns):
        shades = {
            name: Shade(number, min(1.0, own[name][0] / one.limit), own[name][1])
            for number, (name, one) in enumerate(columns.items(), 1)
        }
        return Scale(IMAGE, 1.0, PIXEL, NEXT, shades, f"{colours} {OF_THRESHOLDS}")
    if limit is not None:
        return Scale(limit, min(MARK, limit), "", "", even(columns, 1 / limit), f"{colours} {OF_ALL}")
    return Scale(1.0, SHARE, "of its scale", "", even(columns, 1.0), f"{colours} {OF_EACH}")


def even(columns: Mapping[str, Restoration], unit: float) -> dict[str, Shade]:
    """The same for all columns."""
    return {name: Shade(number, unit) for number, name in enumerate(columns, 1)}
