"""What the values of a score cannot exceed."""

from __future__ import annotations

import math

from renormal.contracts import BoundedScore, Score


def top_of(score: Score) -> float:
    """Its `top`, or ∞ for a score that does not say."""
    return score.top if isinstance(score, BoundedScore) else math.inf
