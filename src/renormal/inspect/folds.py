"""Several jobs that set different good images apart decide together: cross-conformal, for those who have few images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renormal.contracts import Images, Maps
from renormal.inspect.finished import Finished
from renormal.inspect.inspector import Answering, Inspection, Inspector
from renormal.inspect.photographs import Frame, Photograph
from renormal.report.decide import RATE, held_out, needed

ROUNDING = 1e-12  # of p, a quotient of whole numbers


@dataclass(frozen=True)
class Pooled:
    """p of a value, from the scores of good images, each by the job that set it apart.

    p = (1 + Σ_k #{i in fold k: s_i >= value_k})/(n + 1); defective where p <= asked (Vovk, cross-conformal predictors,
    arXiv 1208.0806). A new good image has p <= asked with probability at most 2·asked + 2(1 − 1/K)/(n/K + 1), and at
    about `asked` in practice (Barber et al., arXiv 1905.02928, theorem 4).
    """

    good: tuple[NDArray[np.float64], ...]  # sorted, of each fold
    asked: float

    @property
    def count(self) -> int:
        return sum(map(len, self.good))

    @property
    def too_few(self) -> bool:
        """Whether no p can be as low as asked."""
        return 1 / (self.count + 1) > self.asked

    @property
    def line(self) -> str:
        """What the decision promises, in one line."""
        lowest = max(self.asked, 1 / (self.count + 1))
        promise = f"about {100 * lowest:.2g} % of good images are called defective, from {self.count} good images in "
        promise += f"{len(self.good)} folds"
        more = f"; for about {100 * self.asked:.4g} % it takes {needed(self.asked)} of them" if self.too_few else ""
        return promise + more

    @property
    def threshold(self) -> float:
        """p up to which an image is defective: what was asked; with too few images, the lowest that there is."""
        return max(self.asked, 1 / (self.count + 1)) + ROUNDING

    @property
    def scale(self) -> float:
        """About the value of a mean map from which on it is defective: for colours, not for decisions."""
        return float(np.mean([np.quantile(own, 1 - min(self.asked, 1.0)) for own in self.good]))

    def p(self, values: Sequence[NDArray[np.generic] | float]) -> NDArray[np.float64]:
        """values: of each fold, of one shape."""
        above = sum(
            len(own) - np.searchsorted(own, one, side="left") for own, one in zip(self.good, values, strict=True)
        )
        return np.asarray((1 + above) / (self.count + 1), np.float64)


@dataclass(frozen=True)
class PooledInspection(Inspection):
    """The answer of several jobs: means of scores and maps. threshold: of p. p: of the scores. pixels: p of each."""

    p: float
    pixels: NDArray[np.float64]

    @property
    def defective(self) -> bool:
        return self.p <= self.threshold

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.pixels <= self.threshold


class Folds(Answering):
    """Answers of several jobs, each of which set other good images apart: `test.holdout=5 test.fold=0` … `test.fold=4`.

    Raises ValueError with one line for jobs that differ in more than fold and seed, and where two have the same fold.
    """

    decision: Pooled

    def __init__(
        self, jobs: Sequence[Finished], *, column: str | None = None, rate: float = RATE, device: str = "cpu"
    ) -> None:
        check_folds(jobs)
        first = Inspector(jobs[0], column=column, rate=rate, device=device)
        others = (Inspector(job, column=first.column, rate=rate, device=device) for job in jobs[1:])
        self.inspectors, self.column = [first, *others], first.column
        good = (np.sort(np.asarray(job.record.inspection["good"][self.column], np.float64)) for job in jobs)
        self.decision = Pooled(tuple(good), rate)

    @property
    def jobs(self) -> list[Finished]:
        return [one.job for one in self.inspectors]

    @property
    def frame(self) -> Frame:
        return self.inspectors[0].frame

    @property
    def area(self) -> int:
        return self.inspectors[0].area

    @property
    def at_a_time(self) -> int:
        return max(one.at_a_time for one in self.inspectors)

    @property
    def identity(self) -> dict[str, str]:
        parts = [one.identity for one in self.inspectors]
        return {name: "+".join(part[name] for part in parts) for name in ("weights", "recipe")} | {
            "column": self.column
        }

    def each(self, images: Images) -> list[Maps]:
        return [one.maps(images)[1] for one in self.inspectors]

    def answer(self, read: Sequence[Photograph]) -> list[Inspection]:
        """The answers on photographs that were read, each by all jobs."""
        found = zip(*(one.answer(read) for one in self.inspectors), strict=True)
        return [self._pooled(answers) for answers in found]

    def _pooled(self, answers: Sequence[Inspection]) -> Inspection:
        scores = [np.asarray(one.score) for one in answers]
        return PooledInspection(
            name=answers[0].name,
            score=float(np.mean(scores)),
            threshold=self.decision.threshold,
            map=np.mean([one.map for one in answers], axis=0),
            projected=answers[0].projected,
            p=float(self.decision.p(scores)),
            pixels=self.decision.p([one.map for one in answers]),
        )


def check_folds(jobs: Sequence[Finished]) -> None:
    """Raise ValueError unless the jobs are folds of one data set."""
    tests = [job.record.config["test"] for job in jobs]
    folds = [(test.get("fold", 0) % test["holdout"]) if test.get("holdout") else None for test in tests]
    for job, fold in zip(jobs, folds, strict=True):
        if fold is None:
            raise ValueError(f"{job.folder} set no good images apart: train with test.holdout=5 test.fold=0, 1, …, 4")
        if not held_out(job.record):
            raise ValueError(
                f"{job.folder}: its network was trained on the good images set apart: leave checkpoint= out"
            )
        if folds.count(fold) > 1:
            raise ValueError(f"{job.folder} has the fold {fold}, and so has another job: each must set others apart")
    kinds = [(job.record.category, job.record.data["size"], job.channels, tests[0]["holdout"]) for job in jobs]
    for job, kind in zip(jobs, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"{job.folder} differs from {jobs[0].folder} in category, size or colours: no folds")
