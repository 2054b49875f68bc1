"""The convolutional encoder and decoder of Bergmann et al. (arXiv 1807.02011, table 1), from one table of layers."""

from __future__ import annotations

import math
from typing import TypeVar

from torch import nn

LEAK = 0.2
LAYERS = (  # channels, kernel, stride, padding; for 128 px: 64², 32², 32², 16², 16², 8², 8², 8²
    (32, 4, 2, 1),
    (32, 4, 2, 1),
    (32, 3, 1, 1),
    (64, 4, 2, 1),
    (64, 3, 1, 1),
    (128, 4, 2, 1),
    (64, 3, 1, 1),
    (32, 3, 1, 1),
)
REDUCTION = 16  # four strides of 2

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d)


def _last_kernel(size: int) -> int:
    """Side of the feature map before the latent layer: 8 at 128 px, 4 at 64 px."""
    if size % REDUCTION or size < 2 * REDUCTION:
        raise ValueError(f"the network needs an image side that is a multiple of {REDUCTION} from 32 on, got {size}")
    return size // REDUCTION


def encoder(channels: int, features: int, size: int) -> nn.Sequential:
    """(B, channels, size, size) → (B, features), linear at the end."""
    layers: list[nn.Module] = []
    before = channels
    for width, kernel, stride, padding in LAYERS:
        convolution = nn.Conv2d(before, width, kernel, stride, padding)
        layers += [initialized(convolution, kernel**2), nn.LeakyReLU(LEAK, inplace=True)]
        before = width
    latent = nn.Conv2d(before, features, _last_kernel(size))
    return nn.Sequential(*layers, initialized(latent, _last_kernel(size) ** 2), nn.Flatten())


def decoder(channels: int, latent: int, size: int) -> nn.Sequential:
    """(B, latent) → (B, channels, size, size): the encoder's table backwards with transposed convolutions, sigmoid."""
    widths = [width for width, *_ in LAYERS]
    first = initialized(nn.ConvTranspose2d(latent, widths[-1], _last_kernel(size)), 1)
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1)), first, nn.LeakyReLU(LEAK, inplace=True)]
    for (width, kernel, stride, padding), after in zip(LAYERS[::-1], [*widths[-2::-1], channels], strict=True):
        convolution = nn.ConvTranspose2d(width, after, kernel, stride, padding)
        layers += [initialized(convolution, (kernel // stride) ** 2), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def initialized(layer: Layer, pixels: int) -> Layer:
    """Weights of variance 2 / ((1 + leak²) · channels · pixels that reach one output), He et al., arXiv 1502.01852.

    Signals keep their size through eighteen layers. torch's own start is √6 times smaller a layer: the network then
    stays at the mean image for thousands of steps, and on textures for ever.
    """
    nn.init.normal_(layer.weight, std=math.sqrt(2 / ((1 + LEAK**2) * layer.in_channels * pixels)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
