"""Inspect photographs with a finished job: score, decision, map and x_N, by the code and in the batches of its test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from renormal.choose.choice import Choice
from renormal.choose.choose import column_of
from renormal.contracts import CHOSEN, Autoencoder, Batch, Images, Maps, Score
from renormal.data.depth import FULL
from renormal.data.opening import strict_pillow
from renormal.data.source import GOOD
from renormal.functional.precision import exact_float32
from renormal.functional.tiles import tiles
from renormal.functional.views import View
from renormal.inspect.finished import Finished, trained_model
from renormal.inspect.photographs import Frame, Photo, Photograph, photograph
from renormal.inspect.stored import build, one_line, runs
from renormal.lit.answers import Answers
from renormal.lit.areas import scores_from
from renormal.lit.columns import Columns
from renormal.lit.inspection import prepared_again
from renormal.lit.samples import open_rows
from renormal.lit.scoring import Scoring
from renormal.report.decide import RATE, Decision, conformal, default_column, held_out

UNTESTED = "the job's record keeps nothing to inspect with: repeat its command with stages=[test] rerun=true"


@dataclass(frozen=True)
class Inspection:
    """The answer on one photograph.

    score: the highest value of the map, as in the test, or the highest level that a part of `test.area` pixels reaches.
    threshold: a score above it is called defective. map: (H, W) on
    the photograph's own pixels, >= 0, high = anomalous. mask: (H, W), where the map is above the threshold. projected:
    (S, S) or (S, S, 3) uint8, x_N or f(x0), in the network's pixels.
    """

    name: str
    score: float
    threshold: float
    map: NDArray[np.float32]
    projected: NDArray[np.uint8]

    @property
    def defective(self) -> bool:
        return self.score > self.threshold

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.map > self.threshold


class Answering(ABC):
    """Reads photographs and answers on them, as many at a time as fill one call of the network.

    decision: when an image is defective. column: of the job's table.
    """

    decision: Any
    column: str

    @property
    @abstractmethod
    def jobs(self) -> list[Finished]:
        """Those that answer."""

    @property
    @abstractmethod
    def area(self) -> int:
        """Pixels of the smallest defect, in the network's pixels."""

    @property
    @abstractmethod
    def frame(self) -> Frame:
        """How photographs become the network's input."""

    @property
    @abstractmethod
    def at_a_time(self) -> int:
        """Photographs that fill one call of the network; with fewer, the call takes as long."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, str]:
        """What decides the maps: digests of the weights and of the recipe, and the column."""

    @abstractmethod
    def each(self, images: Images) -> list[Maps]:
        """Maps of images of the network's size, those of each job."""

    @abstractmethod
    def answer(self, read: Sequence[Photograph]) -> list[Inspection]:
        """The answers on photographs that were read."""

    def inspect(self, photo: Photo) -> Inspection:
        """The answer on one photograph: a path, a PIL image, an array or a tensor."""
        return next(self.inspect_all([photo]))

    def inspect_all(self, photos: Iterable[Photo]) -> Iterator[Inspection]:
        """The answers in the order of the photographs. As many as fill one call are in memory at a time."""
        every = iter(photos)
        while part := list(islice(every, self.at_a_time)):
            with strict_pillow():
                read = [photograph(photo, self.frame) for photo in part]
            yield from self.answer(read)


class Inspector(Answering):
    """Answers on photographs.

    column: of the job's table; None: the chosen one, or the one that found planted defects best. rate: of false alarms.
    device: of the network. Raises ValueError with one line for a job that was not tested, and for an unknown column.
    """

    def __init__(
        self, job: Finished, *, column: str | None = None, rate: float = RATE, device: str | torch.device = "cpu"
    ) -> None:
        if not job.record.inspection:
            raise ValueError(UNTESTED)
        self.job, self.kept, self.device = job, job.record.inspection, torch.device(device)
        with runs(f"{job.folder}: its record does not fit its network"):
            self._build(column, rate)

    def _build(self, column: str | None, rate: float) -> None:
        job, columns = self.job, columns_of(self.job)
        ends = columns.ends(reconstructs=isinstance(job.model, Autoencoder))
        self.column = column if column is not None else default_column(job.record, list(ends))
        if self.column not in ends:
            raise ValueError(f"the job has no column {self.column}: take one of {', '.join(ends)}")
        self.ends = {self.column: ends[self.column]}
        self.decision: Decision = conformal(self.kept["good"].get(self.column, ()), rate, held_out=held_out(job.record))
        self.answers = self._answers(columns.projections)

    @property
    def jobs(self) -> list[Finished]:
        return [self.job]

    @property
    def frame(self) -> Frame:
        data = self.job.record.data
        return Frame(data["size"], data["channels"], data.get("fit", "squash"), data.get("bits", FULL))

    @property
    def area(self) -> int:
        return int(self.kept.get("area", 1))  # records older than test.area lack it

    @property
    def at_a_time(self) -> int:
        whose, _ = self.ends[self.column]
        stored = self.kept["networks"][0]["descents"]
        slots = int(stored[whose]["slots"] if whose in stored else self.kept["tiles"])
        return max(1, slots // tiles(self.frame.size, self.job.size, self.answers.scoring.stride))

    @property
    def identity(self) -> dict[str, str]:
        hashes = self.job.record.hashes
        return {"weights": hashes.get("weights", ""), "recipe": hashes.get("test", ""), "column": self.column}

    def each(self, images: Images) -> list[Maps]:
        return [self.maps(images)[1]]

    def answer(self, read: Sequence[Photograph]) -> list[Inspection]:
        ends, maps = self.maps(torch.cat([one.image for one in read]))
        scores, pixels = (
            scores_from(maps, self.area).tolist(),
            (ends.cpu() * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        )
        return [
            Inspection(
                name=one.name,
                score=score,
                threshold=self.decision.threshold,
                map=one.at_own_size(own.cpu().numpy()),
                projected=end[..., 0] if end.shape[-1] == 1 else end,
            )
            for one, score, own, end in zip(read, scores, maps, pixels, strict=True)
        ]

    @torch.no_grad()
    def maps(self, images: Images) -> tuple[Images, Maps]:
        """x_N or f(x0), and the maps of images of the network's size, whole ones of a texture."""
        count = len(images)
        regions = torch.zeros(count, *images.shape[-2:], dtype=torch.int32)
        batch = Batch(images, regions, [GOOD] * count, [""] * count)
        with exact_float32(), runs(f"{self.job.folder}: its network or projection cannot run"):
            answer = self.answers(batch, open_rows(batch.path, batch.defect), self.answers.unwatched())
        return answer[self.column]

    def _answers(self, projections: Mapping[str, Any]) -> Answers:
        """The test's own way from images to maps, for the one column."""
        config, whose = self.job.record.config, self.ends[self.column][0]
        used = {name: descent for name, descent in projections.items() if name == whose}
        scores = {self.column: self.ends[self.column][1]}
        with one_line(f"{self.job.folder}: its record does not fit its network"):
            networks = [
                prepared_again(self._placed(model), used, scores, stored)
                for model, stored in zip(self._seeing(), self.kept["networks"], strict=True)
            ]
        test = config["test"]
        scoring = Scoring(test["stride"], test["average"], self.kept["tiles"])
        views = [View(**view) for view in self.kept["views"]]
        return Answers(networks, views, scoring, self.ends, self.job.size)

    def _placed(self, model: Any) -> Any:
        """Frozen, on the device, in the memory format of the test, which decides the last bits."""
        return model.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)

    def _seeing(self) -> list[Any]:
        """Each network as often as there are sizes at which it sees an image."""
        sizes = self.job.record.config["data"].get("shrink") or [1]
        return [model for model in self._models() for _ in sizes]

    def _models(self) -> list[Any]:
        """The network of the job and those of its further checkpoints."""
        given = self.job.record.config.get("checkpoint") or []
        others = [] if isinstance(given, str) else given[1:]
        job = self.job
        return [job.model, *(trained_model(job.folder, job.record, job.trust, Path(one)) for one in others)]


def columns_of(job: Finished) -> Columns:
    """The columns of the job's test, the chosen one as well."""
    config, trust = job.record.config, job.trust
    score: Score = build(config["score"], "score", trust)
    scores: dict[str, Score] = {
        name: build(node, f"scores.{name}", trust) for name, node in (config.get("scores") or {}).items()
    }
    crossed = bool(config["test"].get("crossed", False))
    columns = Columns(projections=job.descents, score=score, scores=scores, crossed=crossed)
    if not job.record.choice:
        return columns
    nodes = config["choose"].get("scores") or {}
    offered = {name: build(node, f"choose.scores.{name}", trust) for name, node in nodes.items()}
    choice, descents = Choice(**job.record.choice["chosen"]), job.descents | job.offered
    if choice.projection not in descents or choice.score not in {"score", *offered}:
        raise ValueError("the record chose a projection or a score that its config does not have: repeat the job")
    return columns.added(CHOSEN, *column_of(choice, descents, {"score": score} | offered))
