"""Anomaly maps from an image and what it became."""

from renormal.scores.combined import Combined, by_mean, by_rank
from renormal.scores.comparison import DSSIM, SquaredError
from renormal.scores.gradient import GradientScore, kl_term, variational_loss
from renormal.scores.msgms import MSGMS
from renormal.scores.reconstructed import Reconstructed
from renormal.scores.second import Second
from renormal.scores.segmented import Segmented
from renormal.scores.smoothing import Smooth
from renormal.scores.whitened import Whitened

__all__ = [
    "DSSIM",
    "MSGMS",
    "Combined",
    "GradientScore",
    "Reconstructed",
    "Second",
    "Segmented",
    "Smooth",
    "SquaredError",
    "Whitened",
    "by_mean",
    "by_rank",
    "kl_term",
    "variational_loss",
]
