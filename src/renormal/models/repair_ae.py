"""The autoencoder that learns to repair: damaged image in, good image out, no bottleneck (arXiv 2206.11723)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from renormal.contracts import Images, Mask, PerSample, Reconstruction
from renormal.functional.corruption import Corrupting, Corruption
from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.norms import squared_distance
from renormal.models.base import TrainingLoss
from renormal.models.unet import UNet


class RepairAE(UNet):
    """f minimizes Σ w ⊙ (f(x̃) − y)² + δ Σ DSSIM(f(x̃), y), w = 1 + (weight − 1) ⊙ cover.

    x̃ is x with random damage and noise on top; y, the target, is x with the same noise, or x (keep_noise=false).

    f removes defects because it was trained to, not because of a narrow code.

    channels: 1 or 3. size: image side in pixels, a multiple of 8. width: channels at side / 2; twice and three times
    as many below. weight: of covered pixels. dssim: δ. corruption: the damage.
    """

    recordable = True  # nothing in `prepared_loss` is drawn or decided on the host
    together = 128  # images that a GPU damages at once, ours: for 8 the host asks for as many kernels

    def __init__(
        self,
        *,
        channels: int,
        size: int = 128,
        width: int = 32,
        weight: float = 5.0,
        dssim: float = 0.1,
        corruption: Corrupting | None = None,
    ) -> None:
        if size % 8 or size < 16:
            raise ValueError(f"repair_ae needs an image side that is a multiple of 8 from 16 on, got {size}")
        super().__init__(inputs=channels, outputs=channels, width=width)
        self.weight, self.dssim, self.corruption = weight, dssim, corruption or Corruption()

    def forward(self, x: Images) -> Images:
        """f(x)."""
        return torch.sigmoid(self.layers(x))

    def reconstruct(self, x: Images) -> Reconstruction:
        """f(x) and L_r(x)."""
        image = self(x)
        return Reconstruction(image, partial(self.reconstruction_loss, x, image))

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        """‖x − f(x)‖²."""
        return squared_distance(x, reconstructed)

    def training_loss(self, x: Images) -> TrainingLoss:
        """Of newly damaged x; torch's global generator draws the damage."""
        return self.prepared_loss(*self.prepared(x))

    def prepared(self, x: Images) -> tuple[Tensor, ...]:
        """Newly damaged x. The host draws what decides shapes and calls."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self.corruption(x.float())

    def prepared_loss(self, damaged: Images, target: Images, cover: Mask) -> TrainingLoss:
        """Of damaged images and what f should make of them."""
        return self.repair_loss(self(damaged.contiguous(memory_format=torch.channels_last)), target, cover)

    def repair_loss(self, image: Images, target: Images, cover: Mask) -> TrainingLoss:
        """Of f(x̃), summed over pixels and channels."""
        error = ((image - target).square() * (1 + (self.weight - 1) * cover)).sum(dim=(1, 2, 3))
        terms = {"repair": error}
        if self.dssim:
            terms["dssim"] = dssim_sum(target, image)
            error = error + self.dssim * terms["dssim"]
        return TrainingLoss(error, terms)
