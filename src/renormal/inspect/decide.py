"""Decide from good images alone: a threshold that at most a given share of them will exceed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RATE = 0.05  # of false alarms, ours


@dataclass(frozen=True)
class Decision:
    """An image with a score above `threshold` is defective.

    rate: of good images that are called defective, at most, on average over sets of good images. scores: of the good
    images. asked: the rate that was wanted.
    """

    threshold: float
    rate: float
    scores: tuple[float, ...]
    asked: float

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
        promise = f"at most {self.rate:.2g} of good images are called defective, from {self.good} held-out good images"
        if not self.too_few:
            return promise
        return f"{promise}; a rate of {self.asked:g} needs {needed(self.asked)} of them"


def needed(rate: float) -> int:
    """How many good images a rate needs: the least n with 1/(n + 1) <= rate."""
    return math.ceil(1 / rate - 1e-9) - 1


def conformal(scores: Sequence[float], rate: float = RATE) -> Decision:
    """T = the k-th smallest of n scores of good images, k = ⌈(n + 1)(1 − rate)⌉ (split conformal, arXiv 2107.07511).

    A new good image is exchangeable with them, so that its score is above T with probability at most
    1 − k/(n + 1) <= rate. With k > n the highest score is taken, and the promise is 1/(n + 1). Raises ValueError for no
    score, or a rate outside of (0, 1).
    """
    if not 0 < rate < 1:
        raise ValueError(f"the rate of false alarms must lie between 0 and 1, got {rate:g}")
    if not scores:
        raise ValueError("the run has no scores of good images: repeat its test with test.normal_images=32")
    ordered, n = sorted(scores), len(scores)
    k = min(n, math.ceil((n + 1) * (1 - rate) - 1e-9))
    return Decision(ordered[k - 1], max(rate, 1 / (n + 1)), tuple(ordered), rate)
