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
BEFORE = (32, 4, 2, 1)  # the layer that CVPR 2019 adds for 256 px, its shape is ours; two of them at 512 px
REDUCTION = 16  # four strides of 2

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d)


def _added(size: int) -> int:
    """How many layers come before those of the table: one at 256 px, two at 512 px."""
    return max(0, (size // 128).bit_length() - 1)


def _layers(size: int) -> tuple[tuple[int, int, int, int], ...]:
    return (BEFORE,) * _added(size) + LAYERS


def last_side(size: int) -> int:
    """Side of the feature map before the latent layer: 8 at 128 and 256 px, 4 at 64 px."""
    reduction = REDUCTION << _added(size)
    if size % reduction or size < 2 * REDUCTION:
        least = 8 * reduction if _added(size) else 2 * REDUCTION
        sides = f"a multiple of {reduction} from {least} on"
        raise ValueError(f"the network needs an image side that is {sides}, got {size}")
    return size // reduction


def _last_kernel(size: int, side: int) -> int:
    """Kernel from the feature map to a latent map of that side; for a vector it covers the whole feature map."""
    if not 1 <= side <= last_side(size):
        raise ValueError(f"a latent map at {size} px has a side from 1 to {last_side(size)}, got {side}")
    return last_side(size) - side + 1


def encoder(channels: int, features: int, size: int, side: int = 1) -> nn.Sequential:
    """(B, channels, size, size) → (B, features), linear at the end. side: of the latent map, flattened here."""
    layers: list[nn.Module] = []
    before = channels
    for width, kernel, stride, padding in _layers(size):
        convolution = nn.Conv2d(before, width, kernel, stride, padding)
        layers += [initialized(convolution, kernel**2), nn.LeakyReLU(LEAK, inplace=True)]
        before = width
    kernel = _last_kernel(size, side)
    latent = nn.Conv2d(before, features // side**2, kernel)
    return nn.Sequential(*layers, initialized(latent, kernel**2), nn.Flatten())


def decoder(channels: int, latent: int, size: int, side: int = 1) -> nn.Sequential:
    """(B, latent) → (B, channels, size, size): the encoder's table backwards with transposed convolutions, sigmoid."""
    table = _layers(size)
    widths = [width for width, *_ in table]
    first = initialized(nn.ConvTranspose2d(latent // side**2, widths[-1], _last_kernel(size, side)), 1)
    layers: list[nn.Module] = [nn.Unflatten(1, (-1, side, side)), first, nn.LeakyReLU(LEAK, inplace=True)]
    for (width, kernel, stride, padding), after in zip(table[::-1], [*widths[-2::-1], channels], strict=True):
        convolution = nn.ConvTranspose2d(width, after, kernel, stride, padding)
        layers += [initialized(convolution, (kernel // stride) ** 2), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def initialized(layer: Layer, pixels: int) -> Layer:
    """Weights of variance 2 / ((1 + leak²) · channels · pixels that reach one output), He et al., arXiv 1502.01852.

    Signals keep their size through eighteen layers. torch's own first weights are √6 times smaller in each layer: the
    network then returns the mean image for thousands of steps, and on textures always.
    """
    nn.init.normal_(layer.weight, std=math.sqrt(2 / ((1 + LEAK**2) * layer.in_channels * pixels)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
