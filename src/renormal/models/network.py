"""The convolutional encoder and decoder of Bergmann et al. (arXiv 1807.02011, table 1), from one table of layers."""

from __future__ import annotations

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
        layers += [nn.Conv2d(before, width, kernel, stride, padding), nn.LeakyReLU(LEAK, inplace=True)]
        before = width
    return nn.Sequential(*layers, nn.Conv2d(before, features, _last_kernel(size)), nn.Flatten())


def decoder(channels: int, latent: int, size: int) -> nn.Sequential:
    """(B, latent) → (B, channels, size, size): the encoder's table backwards with transposed convolutions, sigmoid."""
    widths = [width for width, *_ in LAYERS]
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
    layers += [nn.ConvTranspose2d(latent, widths[-1], _last_kernel(size)), nn.LeakyReLU(LEAK, inplace=True)]
    for (width, kernel, stride, padding), after in zip(LAYERS[::-1], [*widths[-2::-1], channels], strict=True):
        layers += [nn.ConvTranspose2d(width, after, kernel, stride, padding), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())
