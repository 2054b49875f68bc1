"""The trivial baseline that every model has to beat: f(x) is the mean training image, for every x."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from renormal.contracts import Images, PerSample, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.models.base import TrainingLoss


class MeanImage(nn.Module):
    """f(x) = m, where m minimizes the mean of L_r(x) = ‖x − m‖²: no code, no search in z.

    channels: 1 or 3. size: image side in pixels.
    """

    def __init__(self, *, channels: int, size: int = 128) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.full((1, channels, size, size), 0.5))

    def reconstruct(self, x: Images) -> Reconstruction:
        """m for each x, and L_r(x)."""
        image = self(x)
        return Reconstruction(image, partial(self.reconstruction_loss, x, image))

    def forward(self, x: Images) -> Images:
        """m for each x."""
        return self.mean.float().expand_as(x)

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        """‖x − m‖²."""
        return squared_distance(x, reconstructed)

    def training_loss(self, x: Images) -> TrainingLoss:
        """L_r alone."""
        loss = self.reconstruct(x).loss
        return TrainingLoss(loss, {"reconstruction": loss})
