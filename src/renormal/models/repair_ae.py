"""The autoencoder that learns to repair: damaged image in, good image out, no bottleneck (arXiv 2206.11723)."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renormal.contracts import Images, Mask, PerSample, Reconstruction
from renormal.functional.corruption import Corrupted, Corrupting, Corruption
from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.norms import squared_distance
from renormal.models.base import TrainingLoss
from renormal.models.network import initialized

LEAK = 0.2
DILATIONS = (1, 2, 4, 8)  # of the coarsest blocks: the field of each pixel there is all of a 128 px image


class RepairAE(nn.Module):
    """f minimizes Σ w ⊙ (f(x̃) − y)² + δ Σ DSSIM(f(x̃), y), w = 1 + (weight − 1) ⊙ cover.

    x̃ is x with random damage and noise on top; y, the target, is x with the same noise, or x (keep_noise=false).

    Three scales (side / 2, / 4, / 8) of residual blocks without norms, dilated at the coarsest, joined by skips: f
    removes defects because it was trained to, not because of a narrow code. The layers are ours.

    channels: 1 or 3. size: image side in pixels, a multiple of 8. width: channels at side / 2; twice and three times
    as many below. weight: of covered pixels. dssim: δ. corruption: the damage.
    """

    recordable = True  # nothing in `prepared_loss` is drawn or decided on the host

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
        super().__init__()
        if size % 8 or size < 16:
            raise ValueError(f"repair_ae needs an image side that is a multiple of 8 from 16 on, got {size}")
        self.weight, self.dssim, self.corruption = weight, dssim, corruption or Corruption()
        fine, middle, coarse = width, 2 * width, 3 * width
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), initialized(nn.Conv2d(4 * channels, fine, 3, padding=1), 9))
        self.down = nn.ModuleList(
            initialized(nn.Conv2d(a, b, 4, 2, 1), 16) for a, b in ((fine, middle), (middle, coarse))
        )
        self.before = nn.ModuleList([Block(fine), Block(middle)])
        self.middle = nn.Sequential(*(Block(coarse, dilation) for dilation in DILATIONS))
        self.up = nn.ModuleList(
            initialized(nn.ConvTranspose2d(a, b, 4, 2, 1), 4) for a, b in ((coarse, middle), (middle, fine))
        )
        self.after = nn.ModuleList([Block(middle), Block(fine)])
        self.head = nn.Sequential(initialized(nn.Conv2d(fine, 4 * channels, 3, padding=1), 9), nn.PixelShuffle(2))

    def forward(self, x: Images) -> Images:
        """f(x)."""
        fine = self.before[0](F.leaky_relu(self.stem(x), LEAK))
        middle = self.before[1](F.leaky_relu(self.down[0](fine), LEAK))
        coarse = self.middle(F.leaky_relu(self.down[1](middle), LEAK))
        middle = self.after[0](F.leaky_relu(self.up[0](coarse), LEAK) + middle)
        fine = self.after[1](F.leaky_relu(self.up[1](middle), LEAK) + fine)
        image: Tensor = torch.sigmoid(self.head(fine).float())
        return image

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

    def prepared(self, x: Images) -> Corrupted:
        """Newly damaged x. The host draws what decides shapes and calls."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self.corruption(x.float())

    def prepared_loss(self, damaged: Images, target: Images, cover: Mask) -> TrainingLoss:
        """Of damaged images and what f should make of them."""
        image = self(damaged.contiguous(memory_format=torch.channels_last))
        error = ((image - target).square() * (1 + (self.weight - 1) * cover)).sum(dim=(1, 2, 3))
        terms = {"repair": error}
        if self.dssim:
            terms["dssim"] = dssim_sum(target, image)
            error = error + self.dssim * terms["dssim"]
        return TrainingLoss(error, terms)


class Block(nn.Module):
    """x + g(x), g of two convolutions, the last of which starts at zero: no norm is needed."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = initialized(nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation), 9)
        self.second = initialized(nn.Conv2d(width, width, 3, padding=1), 9)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.first(F.leaky_relu(x, LEAK)), LEAK)
        result: Tensor = x + self.second(inner)
        return result
