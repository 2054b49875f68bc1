"""The first pictures of the page: defects that one sees in x0, less in x_N, and in the map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from renormal.report.columns import reference
from renormal.report.decide import default_column
from renormal.report.embedding import embedded, embedded_size
from renormal.report.extremes import panel_auroc
from renormal.report.former_names import CHOSEN
from renormal.report.gallery import DEFECT, MAPS, UNKNOWN, Panel, alternating, by_sample
from renormal.report.record import Record
from renormal.report.strips import cut_panel

COUNT = 3  # on one screen of a laptop, ours
CANDIDATES = 6  # panels of each kind of defect, those with the best maps, ours
SMALLEST = 0.01  # share of the picture: a smaller defect is not seen at this size, ours
SHOWN = {"x₀": "x0", "x_N": "x_N", "map": MAPS[1]}  # name on the page → tile of the strip


class Clear(NamedTuple):
    """A sample with its projection by one model."""

    category: str
    defect: str
    model: str
    method: str
    pictures: list[tuple[str, str]]  # name and data URI
    size: tuple[int, int]


class Candidate(NamedTuple):
    """A panel whose defect can be seen."""

    change: float  # mean |x₀ − x_N| of the defect less that of all other pixels, in grey levels
    panel: Panel
    tiles: dict[str, Image.Image]


def clearest(categories: Mapping[str, Sequence[Record]], metric: str, count: int = COUNT) -> list[Clear]:
    """The clearest sample of each category, then that of its second defect, until there are `count`.

    The clearest is the one whose defect changes most from x₀ to x_N, of the CANDIDATES of its kind whose maps have the
    highest pixel AUROC. Defects without a mask come after all others. `leading` says of which columns they are.
    """
    turns = [
        (turn, -candidate.change, _clear(category, defect, candidate))
        for category, records in categories.items()
        for turn, (defect, candidate) in enumerate(islice(_ranked(leading(records, metric)), count))
    ]
    return [sample for _, _, sample in sorted(turns, key=lambda item: item[:2])[:count]]


def leading(records: Sequence[Record], metric: str) -> list[tuple[Record, str]]:
    """The job and the column of x_N with the highest number, of the first seed of each model that has panels.

    Of a job with a chosen column this one alone counts. Any other counts if its number is not below that of f(x0).
    Without numbers: the column of each job that decides. Empty where f(x0) is better everywhere.
    """
    jobs: dict[str, Record] = {}
    for record in sorted((one for one in records if one.panels), key=lambda one: one.seed):
        jobs.setdefault(record.model, record)
    numbers: dict[float, tuple[Record, str]] = {}
    for record in jobs.values():
        for method in _columns(record):
            number, base = (record.metrics.get(f"{name}/{metric}") for name in (method, reference(record, method)))
            if number is not None and (method in CHOSEN or base is None or number >= base):
                numbers.setdefault(number, (record, method))
    if any(f"{method}/{metric}" in record.metrics for record in jobs.values() for method in _columns(record)):
        return [numbers[max(numbers)]] if numbers else []
    return [(record, _deciding(record)) for record in jobs.values()]


def _columns(record: Record) -> list[str]:
    """The columns of x_N that have panels; the chosen one alone, where there is one."""
    methods = list(dict.fromkeys(entry.get("projection", "") for entry in record.panels))
    return [method for method in methods if method in CHOSEN] or methods


def _deciding(record: Record) -> str:
    columns = _columns(record)
    column = default_column(record, columns)
    return column if column in columns else columns[0]


def _ranked(columns: Sequence[tuple[Record, str]]) -> Iterator[tuple[str, Candidate]]:
    """Defect and candidate, the clearest sample of each defect first."""
    panels = [
        (sample, panel)
        for record, method in columns
        for sample, own in by_sample([record], []).items()
        for panel in own
        if panel.method == method
    ]
    by_kind: dict[str, list[tuple[tuple[str, str], Panel]]] = {}
    for sample, panel in sorted(panels, key=lambda item: -_auroc(item[1])):
        by_kind.setdefault(sample[1], []).append((sample, panel))
    best = chain.from_iterable(same[:CANDIDATES] for same in by_kind.values())
    found = [(sample, candidate) for sample, panel in best if (candidate := _candidate(panel))]
    clear = dict(sorted(found, key=lambda item: item[1].change))  # of a sample the last one stays
    ranked = dict(sorted(clear.items(), key=lambda item: -item[1].change))
    return ((defect, candidate) for (_, defect), candidate in alternating(ranked).items())


def _auroc(panel: Panel) -> float:
    return panel.auroc if panel.auroc is not None else panel_auroc(panel) or 0.0


def _candidate(panel: Panel) -> Candidate | None:
    """None for a normal image, a defect too small to be seen, and an unreadable file, which the gallery names."""
    try:
        tiles, maps = cut_panel(panel.strip, panel.tiles, panel.maps, MAPS)
    except ValueError:
        return None
    truth = np.asarray(maps["truth"])
    masked = not (truth == UNKNOWN).any()
    if not set(SHOWN.values()) <= set(tiles) or (masked and not SMALLEST <= (truth == DEFECT).mean() < 1):
        return None
    return Candidate(_change(tiles, truth == DEFECT) if masked else 0.0, panel, tiles)


def _change(tiles: Mapping[str, Image.Image], defect: np.ndarray) -> float:
    before, after = (np.asarray(tiles[name], np.float32) for name in ("x0", "x_N"))
    change = np.abs(before - after).mean(axis=-1)
    return float(change[defect].mean() - change[~defect].mean())


def _clear(category: str, defect: str, candidate: Candidate) -> Clear:
    _, panel, tiles = candidate
    pictures = [(name, embedded(tiles[tile])) for name, tile in SHOWN.items()]
    return Clear(category, defect, panel.label, panel.method, pictures, embedded_size(tiles["x0"].size))
