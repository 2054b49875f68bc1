"""The pictures of a category, each once: its samples over all of its jobs, small enough for one page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path as Polygon
from PIL import Image

from renormal.contracts import BASELINE
from renormal.report.models import label, model_order
from renormal.report.record import Record
from renormal.report.status import private
from renormal.report.strips import Film, cut, film_entry, film_of, picture_path

SIDE = 192  # pixels of an embedded picture's longer side
QUALITY = 80  # WebP
BUDGET = 12_000_000  # bytes of embedded pictures, ours: a page of sixty jobs stays below 15 MB
DEFECT = 255  # grey of a defect in the truth, as lit/panels.py writes it
PICTURES = ("x0", "x_N")  # of the strip in colours, what the page shows; f(x0) too, where the model has one
MAPS = ("map of f(x0)", "map of x_N", "truth")  # the strip of greys


OLD = "panels of an older version, without their maps in grey: stages=[test] rerun=true draws them anew"


class Shot(NamedTuple):
    """A sample restored in one way: f(x0) or x_N, and its map in grey, as data URIs."""

    label: str  # of the model
    method: str
    end: str
    map: str
    frames: tuple[tuple[int, str], ...] = ()  # (t, x_t) on the way, where the descent was filmed


class Sample(NamedTuple):
    """A test image and what each job made of it."""

    path: str
    defect: str
    x0: str
    size: tuple[int, int]
    outline: str  # of the truth, as the data of an SVG path
    shots: list[Shot]

    @property
    def weight(self) -> int:
        filmed = sum(len(frame) for shot in self.shots for _, frame in shot.frames)
        return len(self.x0) + sum(len(shot.end) + len(shot.map) for shot in self.shots) + filmed


@dataclass
class Gallery:
    """A category's samples, all maps on one scale from 0 to `limit`."""

    limit: float
    samples: list[Sample] = field(default_factory=list)
    left_out: int = 0  # for which the page has no room
    problems: list[str] = field(default_factory=list)


class Panel(NamedTuple):
    """An entry of a record's panels, with its files."""

    label: str  # of the model
    method: str
    limit: float
    strip: Path
    tiles: list[str]
    maps: Path
    film: Film | None  # of this sample
    auroc: float | None = None  # of its own pixels, by the map as it was


def galleries(categories: Mapping[str, Sequence[Record]], budget: int = BUDGET) -> dict[str, Gallery]:
    """One for each category: the first sample of all categories, then the second of all, until the budget is spent."""
    found: dict[str, Gallery] = {}
    queue = []
    for category, records in categories.items():
        problems: list[str] = []
        samples = by_sample(records, problems)
        limits = [panel.limit for panels in samples.values() for panel in panels]
        found[category] = Gallery(max(limits, default=1.0), problems=problems)
        queue += [(turn, category, *item) for turn, item in enumerate(samples.items())]
    for _, category, (path, defect), panels in sorted(queue, key=lambda item: item[0]):
        gallery = found[category]
        if budget <= 0:
            gallery.left_out += 1
            continue
        sample = shown(path, defect, panels, gallery)
        if sample is not None:
            gallery.samples.append(sample)
            budget -= sample.weight
    return found


def by_sample(records: Sequence[Record], problems: list[str]) -> dict[tuple[str, str], list[Panel]]:
    """The panels of every (path, defect), in the order of the table's columns; of several seeds the first."""
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
                samples.setdefault(sample, []).append(panel_of(record, entry))
                models.add(record.model)
            except ValueError as error:
                problems.append(f"{label(record)}, {sample[0]}: {error}")
    return in_turn(samples)


def in_turn(samples: dict[tuple[str, str], list[Panel]]) -> dict[tuple[str, str], list[Panel]]:
    """The first of each defect, then the second of each: whatever is left out, no defect is left out alone."""
    met: Counter[str] = Counter()
    turns = {}
    for sample in samples:
        turns[sample] = met[sample[1]]
        met[sample[1]] += 1
    return {sample: samples[sample] for sample in sorted(samples, key=lambda sample: turns[sample])}


def panel_of(record: Record, entry: Mapping[str, str]) -> Panel:
    """Raises ValueError for an entry without its files."""
    tiles = [tile.strip() for tile in entry.get("tiles", "").split("|")]
    if missing := set(PICTURES) - set(tiles):
        raise ValueError(f"{entry.get('file')} shows no {' and no '.join(sorted(missing))}")
    strip, maps = (picture_path(record, entry.get(key, "")) for key in ("file", "maps"))
    method = entry.get("projection", "")
    film = film_of(record, method) if film_entry(record, method).get("path") == entry.get("path") else None
    auroc = float(entry["auroc"]) if "auroc" in entry else None
    return Panel(label(record), method, float(entry.get("limit") or 1.0), strip, tiles, maps, film, auroc)


def shown(path: str, defect: str, panels: Sequence[Panel], gallery: Gallery) -> Sample | None:
    """The sample with every panel that can be read, None without any; what cannot be read becomes a problem."""
    first: tuple[Image.Image, Image.Image] | None = None
    shots: list[Shot] = []
    for panel in panels:
        try:
            strip, maps = cut(panel.strip, panel.tiles), cut(panel.maps, MAPS)
            frames = on_the_way(panel.film)
        except (OSError, ValueError) as error:
            gallery.problems.append(private(f"{panel.strip.name}: {error}"))
            continue
        scale = panel.limit / gallery.limit
        if first is None:
            first = strip["x0"], maps["truth"]
        if "f(x0)" in strip and not any(shot.label == panel.label for shot in shots):
            shots.append(Shot(panel.label, BASELINE, embedded(strip["f(x0)"]), scaled(maps[MAPS[0]], scale)))
        shots.append(Shot(panel.label, panel.method, embedded(strip["x_N"]), scaled(maps[MAPS[1]], scale), frames))
    if first is None:
        return None
    x0, truth = first
    return Sample(path, defect, embedded(x0), view(x0.size), outline(truth), shots)


def on_the_way(film: Film | None) -> tuple[tuple[int, str], ...]:
    """The x_t of a film as data URIs."""
    if film is None:
        return ()
    return tuple((t, embedded(x)) for t, (x, _) in zip(film.iterations, film.frames(), strict=True))


def scaled(grey: Image.Image, scale: float) -> str:
    """A map on the gallery's scale."""
    return embedded(grey if scale == 1 else grey.point(lambda value: round(value * scale)))


def embedded(picture: Image.Image) -> str:
    """A small WebP as a data URI."""
    buffer = io.BytesIO()
    picture.resize(view(picture.size), Image.Resampling.LANCZOS).save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def outline(truth: Image.Image) -> str:
    """The border of the defects: M x y L x y …, in a view box of (0, 0) to `view(truth.size)`."""
    defect = Image.fromarray(np.asarray(truth) == DEFECT).convert("L").resize(view(truth.size), Image.Resampling.BOX)
    share = np.pad(np.asarray(defect), 1) / 255  # a defect at the edge has a border there too
    if share.max() < 0.5:
        return ""
    lines = Figure().add_subplot().contour(share, levels=[0.5]).allsegs[0]
    corners = [np.asarray(Polygon(line).cleaned(simplify=True).vertices)[:-1] - 0.5 for line in lines]  # less the stop
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part) + "Z" for part in corners)


def view(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of an embedded picture."""
    scale = min(1.0, SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
