"""The descent of one photograph, step by step, with the settings of the job or others: what the live view shows."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from renormal.choose.choice import changed, setting_of
from renormal.console.numbers import NumberError, decimal
from renormal.contracts import Batch, EnergyTerms, Images, Maps
from renormal.data.source import GOOD
from renormal.functional.precision import exact_float32
from renormal.functional.tiles import cut
from renormal.inspect.finished import Finished
from renormal.inspect.inspector import Inspector
from renormal.inspect.photographs import Photograph
from renormal.lit.answers import Answers
from renormal.lit.areas import scores_from
from renormal.lit.batches import channels_last
from renormal.lit.ensemble import Prepared
from renormal.lit.inspection import stop_at, threshold_of
from renormal.lit.projection_run import ProjectionRun
from renormal.lit.samples import open_rows
from renormal.projection import Settled

Event = dict[str, Any]  # what JSON holds
Give = Callable[[Event], None]  # takes an event; it may raise to end the descent
SIDE = 256  # px, ours: larger images are reduced by a whole factor before they are sent
LEVELS = 65_535  # of a map that is sent, from 0 to its limit
PLACES = {"step_size": "α", "energy.weight": "λ", "max_steps": "steps"}  # of a descent, and what the page calls them
STOP = "stop"  # T, wherever in the descent's stop it is
MOST = {"step_size": 100.0, "energy.weight": 1e6, "max_steps": 1000, STOP: 1e12}  # ours


class Asked(NamedTuple):
    """What the page asks for: a column of the job's table, and other settings of its descent, by place."""

    column: str
    settings: Mapping[str, float]


def asked(query: Mapping[str, str], columns: Mapping[str, Any]) -> Asked:
    """The settings in a query. Raises ValueError with one line for what no descent takes."""
    column, settings = query.get("column", ""), dict[str, float]()
    if column not in columns:
        raise ValueError(f"the job has no column {column!r}")
    for place, text in query.items():
        if place == "column":
            continue
        if columns[column]["settings"].get(place) is None:
            raise ValueError(f"{column} has no setting {place!r}")
        try:
            value = decimal(text)
        except NumberError as error:
            raise ValueError(f"{place}={error}") from error
        least = math.ulp(0.0) if place == "step_size" else 0.0
        if not least <= value <= MOST[place]:
            raise ValueError(f"{place}={value:g} is out of range: at most {MOST[place]:g}, and not negative")
        if place == "max_steps" and not value.is_integer():
            raise ValueError(f"max_steps={value:g} is no whole number")
        settings[place] = int(value) if place == "max_steps" else value
    return Asked(column, settings)


class Live:
    """Shows descents of a finished job. rate: of false alarms. column: the first one that is shown.

    columns: name → its descent's settings, and how it decides.
    """

    def __init__(self, job: Finished, *, column: str | None = None, rate: float, device: str = "cpu") -> None:
        first = Inspector(job, column=column, rate=rate, device=device)
        names = job.record.inspection["good"]
        self.inspectors = {name: Inspector(job, column=name, rate=rate, device=device) for name in names}
        self.column, self.frame, self.category = first.column, first.frame, job.record.category
        self.columns = {name: self._facts(name) for name in names}

    @property
    def facts(self) -> Event:
        """For the page."""
        return {"category": self.category, "first": self.column, "columns": self.columns}

    def _facts(self, name: str) -> Event:
        inspector = self.inspectors[name]
        decision, descent = inspector.decision, self._descent(name)
        limit = 2 * decision.threshold if decision.threshold > 0 else 1.0
        return {
            "projection": None if descent is None else inspector.ends[name][0],
            "settings": {} if descent is None else settings_of(descent),
            "threshold": decision.threshold,
            "limit": limit,
            "good": sorted(decision.scores),
            "promise": decision.line,
        }

    def _descent(self, name: str) -> Settled | None:
        """The descent of a column; None for f(x0)."""
        inspector = self.inspectors[name]
        return inspector.answers.networks[0].descents.get(inspector.ends[name][0])

    def show(self, photo: Photograph, wanted: Asked, give: Give) -> None:
        """Give `start`, a `step` for each x_t, and `end`, whose score is that of `Inspector`, but for rounding."""
        inspector, image = self.inspectors[wanted.column], photo.image
        answers = prepared(inspector.answers, wanted, image)
        pixels = Pixels(self.columns[wanted.column]["limit"])
        give({"kind": "start", **pixels.shape(photo), "x0": pixels.picture(image)})
        with torch.no_grad(), exact_float32():
            watcher = Watcher(answers, wanted.column, image, pixels, give)
            runs = {
                name: ProjectionRun(name, descent, observe=watcher.observe)
                for name, descent in answers.networks[0].descents.items()
            }
            batch = Batch(image, torch.zeros(1, *image.shape[-2:], dtype=torch.int32), [GOOD], [""])
            end, maps = answers(batch, open_rows(batch.path, batch.defect), runs)[wanted.column]
            score = float(scores_from(maps, inspector.area)[0])
        give(
            {
                "kind": "end",
                "x": pixels.picture(end),
                "map": pixels.map(maps),
                "score": finite(score),
                "p": inspector.decision.p([score]),
                "diverged": watcher.diverged,
            }
        )


class Watcher:
    """Gives an event for each x_t of the first network and view. A tile that has stopped stays as it is."""

    def __init__(self, answers: Answers, column: str, image: Images, pixels: Pixels, give: Give) -> None:
        network = answers.networks[0]
        self.model, self.score, self.scoring = network.model, network.scores[column], answers.scoring
        self.image, self.pixels, self.give = image, pixels, give
        self.x0 = channels_last(cut(image, answers.side, answers.scoring.stride), network.device)
        self.x = self.x0.clone()
        self.energy, self.loss = (torch.full((len(self.x0),), torch.nan) for _ in range(2))
        self.seen = False

    @property
    def diverged(self) -> bool:
        """Whether E became infinite or NaN. Without a descent it did not."""
        return self.seen and not bool(self.energy.isfinite().all())

    def observe(self, sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        """What `project` calls at every evaluation."""
        if not len(sample):
            return
        self.x[sample], self.seen = x.to(self.x.dtype), True
        where = sample.cpu()
        self.energy[where], self.loss[where] = terms.total.float().cpu(), terms.reconstruction.float().cpu()
        with torch.no_grad():
            whole, maps = self.scoring(self.score, self.model, self.x0, self.x, self.image)
        self.give(
            {
                "kind": "step",
                "t": int(t.max()),
                "x": self.pixels.picture(whole),
                "map": self.pixels.map(maps),
                "energy": [finite(value) for value in self.energy.tolist()],
                "loss": [finite(value) for value in self.loss.tolist()],
            }
        )


def settings_of(descent: Settled) -> dict[str, float | None]:
    """Place → number of each setting that the page may move; None where the descent has none."""
    found: dict[str, float | None] = dict.fromkeys((*PLACES, STOP))
    for place in PLACES:
        with suppress(ValueError):
            found[place] = setting_of(descent, place, "")
    return found | {STOP: threshold_of(descent.stop)}


def prepared(answers: Answers, wanted: Asked, image: Images) -> Answers:
    """With other settings of the descents, and all tiles of the one image at once: the test fills larger batches."""
    count = len(cut(image, answers.side, answers.scoring.stride))
    settings = {place: value for place, value in wanted.settings.items() if place != STOP}

    def moved(network: Prepared) -> Prepared:
        descents = {}
        for name, descent in network.descents.items():
            other = changed(replace(descent, slots=count, check_every=1), settings, name)
            stop = stop_at(other.stop, wanted.settings[STOP]) if STOP in wanted.settings else other.stop
            descents[name] = replace(other, stop=stop)
        return replace(network, descents=descents)

    scoring = answers.scoring.at_most(count)
    return replace(answers, networks=[moved(network) for network in answers.networks], scoring=scoring)


class Pixels(NamedTuple):
    """Images and maps as text for the page, both reduced by one factor. limit: of a map, and sent as LEVELS."""

    limit: float

    def shape(self, photo: Photograph) -> Event:
        """Sides of what is sent, and how wide the page shows it: a squashed photograph gets its own shape again."""
        channels, side = photo.pixels.shape[:2]
        shown = -(-side // factor(side))
        wide = photo.width / photo.height if photo.fit == "squash" else 1.0
        return {"side": shown, "channels": channels, "wide": wide}

    def picture(self, images: Images) -> str:
        """The first image, (S, S, C) bytes."""
        x = images[:1].detach().float().cpu().nan_to_num()
        small = F.avg_pool2d(x, factor(x.shape[-1]), ceil_mode=True, count_include_pad=False)
        return text((small[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous())

    def map(self, maps: Maps) -> str:
        """The first map, (S, S) of 16 bit. Of several pixels the highest is kept: no small defect is lost."""
        values = maps[:1].detach().float().cpu().nan_to_num()
        small = F.max_pool2d(values, factor(values.shape[-1]), ceil_mode=True)[0] / self.limit
        return text((small.clamp(0, 1) * LEVELS).round().to(torch.int32))


def factor(side: int) -> int:
    return -(-side // SIDE)


def text(values: Tensor) -> str:
    """Bytes, or whole numbers of 16 bit, the lower byte first, as base64."""
    kind = np.uint8 if values.dtype == torch.uint8 else np.dtype("<u2")
    return base64.b64encode(values.numpy().astype(kind).tobytes()).decode()


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
