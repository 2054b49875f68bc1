"""Decide from good images alone: a threshold that at most a given share of them will exceed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from renormal.console.text import counted
from renormal.report.record import Record

PLANTED = "planted_auroc"  # of a column in record.maps: without labels
RATE = 0.05  # of false alarms, ours


@dataclass(frozen=True)
class Decision:
    """An image with a score above `threshold` is defective.

    rate: of good images that are called defective, at most, on average over sets of good images. scores: of the good
    images. asked: the rate that was wanted. held_out: the network was not trained on these images; else nothing is
    promised, since it knows them.
    """

    threshold: float
    rate: float
    scores: tuple[float, ...]
    asked: float
    held_out: bool = True

    @property
    def good(self) -> int:
        return len(self.scores)

    @property
    def scale(self) -> float:
        """The value of a map from which on it is defective."""
        return self.threshold

    def p(self, scores: Sequence[float]) -> float:
        """(1 + #{good images with at least this score})/(n + 1). scores: of the one job."""
        return (1 + sum(one >= scores[0] for one in self.scores)) / (self.good + 1)

    @property
    def too_few(self) -> bool:
        """Whether more good images are needed for the rate that was wanted."""
        return self.rate > self.asked

    @property
    def line(self) -> str:
        """What the threshold promises, in one line."""
        if not self.held_out:
            known = f"nothing is promised: the network may have been trained on the {self.good} good images"
            return f"{known} of the threshold, and new ones score higher; train with test.holdout=5"
        share = f"at most {100 * self.rate:.2g} %"
        promise = f"{share} of good images are called defective, from {counted(self.good, 'held-out good image')}"
        if not self.too_few:
            return promise
        return f"{promise}; for at most {100 * self.asked:.4g} % it takes {needed(self.asked)} of them"


def needed(rate: float) -> int:
    """How many good images a rate needs: the least n with 1/(n + 1) <= rate."""
    return math.ceil(1 / rate - 1e-9) - 1


def conformal(scores: Sequence[float], rate: float = RATE, *, held_out: bool = True) -> Decision:
    """T = the k-th smallest of n scores of good images, k = ⌈(n + 1)(1 − rate)⌉ (split conformal, arXiv 2107.07511).

    A new good image is exchangeable with them, so that its score is above T with probability at most
    1 − k/(n + 1) <= rate. With k > n the highest score is taken, and the promise is 1/(n + 1). Raises ValueError for no
    score, or a rate outside of (0, 1).
    """
    if not 0 < rate < 1:
        percent = f"; for {rate:g} % give {rate / 100:g}" if 1 <= rate < 100 else ""
        raise ValueError(f"the rate of false alarms is a share and must lie between 0 and 1, got {rate:g}{percent}")
    if not scores:
        raise ValueError("the job has no scores of good images: repeat its test with test.normal_images=32")
    ordered, n = sorted(scores), len(scores)
    k = min(n, math.ceil((n + 1) * (1 - rate) - 1e-9))
    return Decision(ordered[k - 1], max(rate, 1 / (n + 1)), tuple(ordered), rate, held_out)


def decisions(record: Record) -> dict[str, Decision]:
    """The decision of each column at RATE; empty where the record has no scores of good images."""
    kept = {name: scores for name, scores in record.inspection.get("good", {}).items() if scores}
    return {name: conformal(scores, held_out=held_out(record)) for name, scores in kept.items()}


def held_out(record: Record) -> bool:
    """Whether the good images that were scored were kept out of the training. Records of before only have settings."""
    kept, parts = record.inspection.get("held_out"), (record.config.get(part) for part in ("test", "choose"))
    return any(isinstance(one, dict) and one.get("holdout") for one in parts) if kept is None else bool(kept)


def default_column(record: Record, columns: Sequence[str]) -> str:
    """The chosen column; else the one that found planted defects best; else the first projection, else f(x0)."""
    from renormal.contracts import BASELINE, CHOSEN  # here: it loads torch, and a command first says that it does

    if CHOSEN in columns:
        return CHOSEN
    found = {name: values[PLANTED] for name, values in record.maps.items() if PLANTED in values and name in columns}
    if found:
        return max(found, key=lambda name: found[name])
    return next((name for name in record.config.get("projections") or () if name in columns), BASELINE)
