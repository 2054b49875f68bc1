"""The pictures of the page: for each category its samples with the results of all jobs, small enough to embed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path as Polygon
from PIL import Image

from renormal.contracts import BASELINE
from renormal.report.decide import decisions
from renormal.report.embedding import embedded, embedded_size
from renormal.report.former_names import CHOSEN
from renormal.report.models import label, model_order
from renormal.report.record import Record
from renormal.report.status import private
from renormal.report.strips import Film, cut_panel, film_entry, film_of, picture_path

BUDGET = 12_000_000  # bytes of embedded pictures, ours: a page of 60 jobs stays below 15 MB
DEFECT, UNKNOWN = 255, 128  # grey levels of a defect and of no mask in the truth, as lit/panels.py writes them
PICTURES = ("x0", "x_N")  # tiles of the colour strip that the page needs; it also shows f(x0), if there is one
MAPS = ("map of f(x0)", "map of x_N", "truth")  # tiles of the grey strip
Thresholds = tuple[float | None, float | None]  # of a pixel and of an image; None: the record has none
Shown = TypeVar("Shown")  # what is kept of a sample
OLD = "panels of an older version, without grey maps; stages=[test] rerun=true draws new ones"


class Restoration(NamedTuple):
    """f(x0) or x_N of a sample, and the grey map, as data URIs.

    limit: top of the map's scale. pixel, image: thresholds of its column, if it has them: one that a small share of the
    pixels of normal images reach, and that of the decision on an image.
    """

    label: str  # of the model
    method: str
    end: str
    map: str
    limit: float
    pixel: float | None = None
    image: float | None = None
    frames: tuple[tuple[int, str], ...] = ()  # (t, x_t) of the kept iterations, if any


class Sample(NamedTuple):
    """A test image and its restorations by all jobs."""

    path: str
    defect: str
    x0: str
    size: tuple[int, int]
    outline: str  # of the true defect, as data of an SVG path
    masked: bool  # False: it has a defect, and no mask
    restorations: list[Restoration]

    @property
    def size_bytes(self) -> int:
        """Length of all its data URIs."""
        uris = [uri for one in self.restorations for uri in (one.end, one.map, *(frame for _, frame in one.frames))]
        return sum(map(len, [self.x0, *uris]))


@dataclass
class Gallery:
    """The samples of a category. All maps have one scale, from 0 to `limit`; None: each column has its own."""

    limit: float | None
    samples: list[Sample] = field(default_factory=list)
    left_out: int = 0  # number of samples beyond the budget
    problems: list[str] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, Restoration]:
        """Model and method → a restoration, of which limit and thresholds are those of all."""
        return {f"{one.label} {one.method}": one for sample in self.samples for one in sample.restorations}


class Panel(NamedTuple):
    """An entry of a record's panels, with the paths of its files."""

    label: str  # of the model
    method: str
    limits: tuple[float, float]  # tops of the scales of both maps
    thresholds: tuple[Thresholds, Thresholds]  # of both columns
    strip: Path
    tiles: list[str]
    maps: Path
    film: Film | None  # of this sample
    auroc: float | None = None  # of the pixels of this sample, as the test measured it


def galleries(categories: Mapping[str, Sequence[Record]], budget: int = BUDGET) -> dict[str, Gallery]:
    """Category → gallery: the first sample of each category, then the second of each, within `budget` bytes."""
    found: dict[str, Gallery] = {}
    queue = []
    for category, records in categories.items():
        problems: list[str] = []
        samples = by_sample(records, problems)
        limits = {limit for panels in samples.values() for panel in panels for limit in panel.limits}
        found[category] = Gallery(limits.pop() if len(limits) == 1 else None, problems=problems)
        queue += [(turn, category, *item) for turn, item in enumerate(samples.items())]
    for _, category, (path, defect), panels in sorted(queue, key=lambda item: item[0]):
        gallery = found[category]
        if budget <= 0:
            gallery.left_out += 1
            continue
        sample = sample_of(path, defect, panels, gallery)
        if sample is not None:
            gallery.samples.append(sample)
            budget -= sample.size_bytes
    return found


def by_sample(records: Sequence[Record], problems: list[str]) -> dict[tuple[str, str], list[Panel]]:
    """(path, defect) → its panels, in the order of the models and of the first seed that has panels."""
    samples: dict[tuple[str, str], list[Panel]] = {}
    models: set[str] = set()
    for record in sorted(records, key=lambda record: (model_order(record.model), record.seed)):
        if record.model in models:
            continue
        if record.panels and not any("maps" in entry for entry in record.panels):
            problems.append(f"{label(record)}: {OLD}")
            continue
        for entry in record.panels:
            sample = entry.get("path", ""), entry.get("defect", "")
            try:
                panel = panel_of(record, entry)
                samples.setdefault(sample, []).append(panel)
                models.add(record.model)
            except ValueError as error:
                problems.append(f"{label(record)}, {sample[0]}: {private(str(error))}")
    return alternating(samples)


def alternating(samples: Mapping[tuple[str, str], Shown]) -> dict[tuple[str, str], Shown]:
    """The first sample of each defect, then the second of each: a small budget still shows every defect."""
    counts: Counter[str] = Counter()
    turns = {}
    for sample in samples:
        turns[sample] = counts[sample[1]]
        counts[sample[1]] += 1
    return {sample: samples[sample] for sample in sorted(samples, key=lambda sample: turns[sample])}


def panel_of(record: Record, entry: Mapping[str, str]) -> Panel:
    """The panel of an entry. Raises ValueError where a file or a needed tile is missing."""
    tiles = [tile.strip() for tile in entry.get("tiles", "").split("|")]
    if missing := set(PICTURES) - set(tiles):
        raise ValueError(f"{entry.get('file')} shows no {' and no '.join(sorted(missing))}")
    strip, maps = (picture_path(record, entry.get(key, "")) for key in ("file", "maps"))
    method = entry.get("projection", "")
    film = film_of(record, method) if film_entry(record, method).get("path") == entry.get("path") else None
    auroc = float(entry["auroc"]) if "auroc" in entry else None
    limit = float(entry.get("limit") or 1.0)
    limits = float(entry.get("baseline_limit", limit)), limit
    marks = thresholds(record, BASELINE), thresholds(record, method)
    return Panel(label(record), method, limits, marks, strip, tiles, maps, film, auroc)


def thresholds(record: Record, column: str) -> Thresholds:
    """Of a pixel and of an image. Records without the scores of good images have the second from their highest one."""
    found, decided = record.maps.get(column, {}), decisions(record).get(column)
    return found.get("threshold"), decided.threshold if decided else found.get("image_threshold")


def sample_of(path: str, defect: str, panels: Sequence[Panel], gallery: Gallery) -> Sample | None:
    """The sample with all readable panels; None without any. Unreadable panels are added to `gallery.problems`."""
    first: tuple[Image.Image, Image.Image] | None = None
    found: list[Restoration] = []
    for panel in panels:
        try:
            strip, maps = cut_panel(panel.strip, panel.tiles, panel.maps, MAPS)
            frames = film_frames(panel.film)
        except ValueError as error:
            gallery.problems.append(private(str(error)))
            continue
        if first is None:
            first = strip["x0"], maps["truth"]
        if "f(x0)" in strip and not any(one.label == panel.label for one in found):
            end, grey = embedded(strip["f(x0)"]), embedded(maps[MAPS[0]])
            found.append(Restoration(panel.label, BASELINE, end, grey, panel.limits[0], *panel.thresholds[0]))
        end, grey = embedded(strip["x_N"]), embedded(maps[MAPS[1]])
        found.append(Restoration(panel.label, panel.method, end, grey, panel.limits[1], *panel.thresholds[1], frames))
    if first is None:
        return None
    found.sort(key=lambda one: one.method not in CHOSEN)  # what decides comes first, also where a narrow page ends
    x0, truth = first
    masked = not (np.asarray(truth) == UNKNOWN).any()
    return Sample(path, defect, embedded(x0), embedded_size(x0.size), outline(truth), masked, found)


def film_frames(film: Film | None) -> tuple[tuple[int, str], ...]:
    """(t, x_t as a data URI) of a film's iterations; empty without a film."""
    if film is None:
        return ()
    return tuple((t, embedded(x)) for t, (x, _) in zip(film.iterations, film.frames(), strict=True))


def outline(truth: Image.Image) -> str:
    """The border of the defects as an SVG path, in pixels of the embedded picture."""
    defect = Image.fromarray(np.asarray(truth) == DEFECT).convert("L")
    small = defect.resize(embedded_size(truth.size), Image.Resampling.BOX)
    share = np.pad(np.asarray(small), 1) / 255  # closes the border of a defect at the edge of the image
    if share.max() < 0.5:
        return ""
    lines = Figure().add_subplot().contour(share, levels=[0.5]).allsegs[0]
    closed = [np.asarray(Polygon(line).cleaned(simplify=True).vertices) for line in lines]
    corners = [part[:-1] - 0.5 for part in closed]  # the last vertex only ends the path
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part) + "Z" for part in corners)
