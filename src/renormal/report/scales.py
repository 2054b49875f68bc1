"""What the colours of a gallery's maps mean, and from which value on a map is shown: the same in every column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from renormal.report.gallery import Gallery, Restoration

MARK = 0.2  # first position of the slider where all maps have one scale: the threshold of figure 3
SHARE = 0.4  # first position where each column has a scale and no threshold: as a share of its scale, ours
TOP = 2.0  # top of the colours in units of a column's threshold, as in renormal-view
OF_THRESHOLD = (
    "Colours: the map divided by the threshold of its column, black at 0 and brightest from 2 on. At first a map is "
    "shown from 1 on: there renormal-predict --column would call the photograph defective."
)
OF_ALL = "Colours: the value of the map, black at 0 and brightest from {} on, in all columns."
OF_EACH = (
    "Colours: the value of the map, black at 0 and brightest at the end of the column's own scale: {}. Not all "
    "of these columns have a threshold, so equal colours do not mean equally anomalous."
)
SHORT = " Maps of {} end below the threshold, and are shown from their end on."


class Shade(NamedTuple):
    """Of a column. unit: share of its grey levels at 1 of the slider. slope: of the colour over the grey level."""

    number: int
    unit: float
    slope: float


class Scale(NamedTuple):
    """Of a gallery. top, first: last and first position of the slider. unit: what follows its number. shades: of each
    column, by model and method. said: what the colours mean."""

    top: float
    first: float
    unit: str
    shades: Mapping[str, Shade]
    said: str


def scale_of(gallery: Gallery) -> Scale:
    """In units of each column's own threshold where all have one, else as the maps were written."""
    columns, limit = gallery.columns, gallery.limit
    if limit is not None:
        return Scale(limit, min(MARK, limit), "", shades(columns, 1 / limit), OF_ALL.format(f"{limit:g}"))
    thresholds = {name: one.threshold for name, one in columns.items() if one.threshold and one.threshold > 0}
    if len(thresholds) == len(columns):
        short = [name for name, one in columns.items() if thresholds[name] > one.limit]
        said = OF_THRESHOLD + (SHORT.format(", ".join(short)) if short else "")
        return Scale(TOP, 1.0, "× its threshold", shades_of(columns, thresholds), said)
    ends = ", ".join(f"{one.limit:.3g} ({name})" for name, one in columns.items())
    return Scale(1.0, SHARE, "of its scale", shades(columns, 1.0), OF_EACH.format(ends))


def shades(columns: Mapping[str, Restoration], unit: float) -> dict[str, Shade]:
    """The same for all columns."""
    return {name: Shade(number, unit, 1.0) for number, name in enumerate(columns, 1)}


def shades_of(columns: Mapping[str, Restoration], thresholds: Mapping[str, float]) -> dict[str, Shade]:
    """For each column in units of its own threshold. A map is shown from the end of its scale on at the latest."""
    return {
        name: Shade(number, min(1.0, thresholds[name] / one.limit), one.limit / (TOP * thresholds[name]))
        for number, (name, one) in enumerate(columns.items(), 1)
    }
