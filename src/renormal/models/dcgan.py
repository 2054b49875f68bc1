"""Generator and discriminator of DCGAN (Radford et al., arXiv 1511.06434, section 3): strides instead of pooling.

Two readings are ours: kernels of 4 pixels, so that strides of 2 halve and double exactly, and images in [0, 1], the
generator's by a sigmoid, which is its tanh on another scale.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample

FIRST = 4  # px, side of the smallest maps
LEAK = 0.2  # section 4
SPREAD = 0.02  # standard deviation of the first weights, section 4

Norm = Callable[[int], nn.Module]


def widths(size: int, width: int) -> list[int]:
    """Channels of the maps of 4², 8², … (size/2)²: `width`, and half as many at each doubling."""
    levels = (size // FIRST).bit_length() - 1
    if size != FIRST << levels or levels < 1:
        raise ValueError(f"the network needs an image side that is a power of 2 from {2 * FIRST} on, got {size}")
    if width % (1 << (levels - 1)):
        raise ValueError(f"width must be a multiple of {1 << (levels - 1)} at {size} px, got {width}")
    return [width >> level for level in range(levels)]


def layer_norm(channels: int) -> nn.Module:
    """Over all channels and pixels of one sample: the gradient of a sample does not depend on its batch."""
    return nn.GroupNorm(1, channels)


def generator(channels: int, latent: int, size: int, width: int) -> nn.Sequential:
    """(B, latent) → (B, channels, size, size) in [0, 1]; `width` channels at 4², 512 at 1703.05921's size."""
    maps = widths(size, width)
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1)), nn.ConvTranspose2d(latent, width, FIRST, bias=False)]
    for before, after in pairwise(maps):
        layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(maps[-1]), nn.ReLU(inplace=True), nn.ConvTranspose2d(maps[-1], channels, 4, 2, 1)]
    return initialized(nn.Sequential(*layers, nn.Sigmoid()))


def trunk(channels: int, size: int, width: int, norm: Norm) -> nn.Sequential:
    """(B, channels, size, size) → (B, width, 4, 4): the generator's maps backwards, the first without a norm."""
    maps = widths(size, width)[::-1]
    layers: list[nn.Module] = [nn.Conv2d(channels, maps[0], 4, 2, 1), nn.LeakyReLU(LEAK, inplace=True)]
    for before, after in pairwise(maps):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), norm(after), nn.LeakyReLU(LEAK, inplace=True)]
    return initialized(nn.Sequential(*layers))


def head(width: int, outputs: int) -> nn.Sequential:
    """(B, width, 4, 4) → (B, outputs), linear."""
    return initialized(nn.Sequential(nn.Conv2d(width, outputs, FIRST), nn.Flatten()))


def initialized(part: nn.Sequential) -> nn.Sequential:
    """Weights from N(0, 0.02²)."""
    for layer in part:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=SPREAD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return part


class Discriminator(nn.Module):
    """D(x) as a logit; of a critic the same number is its score.

    The last layer is float32 under autocast: a critic's loss is the small difference of two large scores.
    """

    def __init__(self, *, channels: int, size: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.trunk, self.head = trunk(channels, size, width, norm), head(width, 1)

    def features(self, x: Images) -> Tensor:
        """f_D(x), the maps below the last layer, (B, width, 4, 4)."""
        maps: Tensor = self.trunk(2 * x - 1)
        return maps.float()

    def forward(self, x: Images) -> PerSample:
        features = self.features(x)
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(features)
        return logits.squeeze(1)  # (B, 1) → (B,)


class GAN(nn.Module):
    """G and D, with what a search in z needs.

    channels: 1 or 3. latent: size of z ~ N(0, I). size: image side in pixels. width: channels of the smallest maps.
    """

    def __init__(self, *, channels: int, latent: int, size: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.latent = latent
        self.generator = generator(channels, latent, size, width)
        self.discriminator = Discriminator(channels=channels, size=size, width=width, norm=norm)

    def decode(self, z: Latents) -> Images:
        """G(z), values in [0, 1]."""
        image: Tensor = self.generator(z)
        return image.float()

    def features(self, x: Images) -> Tensor:
        """f_D(x), (B, width, 4, 4)."""
        return self.discriminator.features(x)

    def drawn(self, x: Images) -> Images:
        """G(z) with z from the prior, one for each image of x."""
        return self.decode(torch.randn(len(x), self.latent, device=x.device))
