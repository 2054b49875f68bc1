"""A network from images to images of the same side: three scales of residual blocks, joined by skips."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from renormal.models.network import initialized

LEAK = 0.2
DILATIONS = (1, 2, 4, 8)  # of the coarsest blocks: the field of each pixel there is all of a 128 px image


class UNet(nn.Module):
    """Three scales (side / 2, / 4, / 8) of residual blocks without norms, dilated at the coarsest. The layers are ours.

    inputs, outputs: channels at the whole side. width: channels at side / 2; twice and three times as many below.
    """

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        fine, middle, coarse = width, 2 * width, 3 * width
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), initialized(nn.Conv2d(4 * inputs, fine, 3, padding=1), 9))
        self.down = nn.ModuleList(
            initialized(nn.Conv2d(a, b, 4, 2, 1), 16) for a, b in ((fine, middle), (middle, coarse))
        )
        self.before = nn.ModuleList([Block(fine), Block(middle)])
        self.middle = nn.Sequential(*(Block(coarse, dilation) for dilation in DILATIONS))
        self.up = nn.ModuleList(
            initialized(nn.ConvTranspose2d(a, b, 4, 2, 1), 4) for a, b in ((coarse, middle), (middle, fine))
        )
        self.after = nn.ModuleList([Block(middle), Block(fine)])
        self.head = nn.Sequential(initialized(nn.Conv2d(fine, 4 * outputs, 3, padding=1), 9), nn.PixelShuffle(2))

    def layers(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H, W), linear at the end, float32. H and W: multiples of 8."""
        fine = self.before[0](F.leaky_relu(self.stem(x), LEAK))
        middle = self.before[1](F.leaky_relu(self.down[0](fine), LEAK))
        coarse = self.middle(F.leaky_relu(self.down[1](middle), LEAK))
        middle = self.after[0](F.leaky_relu(self.up[0](coarse), LEAK) + middle)
        fine = self.after[1](F.leaky_relu(self.up[1](middle), LEAK) + fine)
        result: Tensor = self.head(fine).float()
        return result


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
