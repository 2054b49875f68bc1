"""Anomaly maps from an image and what it became."""

from renormal.scores.comparison import DSSIM, SquaredError

__all__ = ["DSSIM", "SquaredError"]
