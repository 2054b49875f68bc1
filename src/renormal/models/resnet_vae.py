"""The γ-VAE on faces: the residual network of Dai & Wipf (arXiv 1903.05789), with their learned γ."""

from __future__ import annotations

from torch import Tensor, nn

from renormal.models.gamma_vae import GammaVAE

SCALES = 4  # of the encoder; the decoder starts from 2 × 2 pixels
START = 2


class ResNetVAE(GammaVAE):
    """L(x) of the γ-VAE; encoder and decoder of residual blocks, one a scale, batch norms before each convolution.

    Ours, where the authors' code differs: the encoder halves the side after its last scale, too, the decoder is never
    wider than the encoder, and the fully connected block and the last convolution have batch norms.

    channels: 1 or 3. latent: size of z, 128 as published. size: image side in pixels, 32 or more, a power of two.
    width: channels of the first scale, 32 as published; they double with each scale. hidden: of the fully connected
    residual block before z, 512 as published. speed: as in GammaVAE.
    """

    def __init__(
        self,
        *,
        channels: int,
        latent: int = 128,
        size: int = 64,
        width: int = 32,
        hidden: int = 512,
        speed: float = 10.0,
    ) -> None:
        if size < 2**SCALES or size & (size - 1):
            raise ValueError(f"resnet_vae needs an image side that is a power of two from {2**SCALES} on, got {size}")
        widths = [width << scale for scale in range(SCALES)]
        encoder, decoder = (
            resnet_encoder(channels, 2 * latent, widths, hidden),
            resnet_decoder(channels, latent, widths, size),
        )
        super().__init__(channels=channels, latent=latent, size=size, speed=speed, layers=(encoder, decoder))


def resnet_encoder(channels: int, features: int, widths: list[int], hidden: int) -> nn.Sequential:
    """(B, channels, H, W) → (B, features)."""
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1)]
    for scale, width in enumerate(widths):
        layers.append(Block(width))
        after = widths[min(scale + 1, len(widths) - 1)]
        layers.append(nn.Conv2d(width, after, 3, stride=2, padding=1))
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), Dense(widths[-1], hidden), nn.Linear(hidden, features)]
    return nn.Sequential(*layers, *pooled)


def resnet_decoder(channels: int, latent: int, widths: list[int], size: int) -> nn.Sequential:
    """(B, latent) → (B, channels, size, size), values in [0, 1]."""
    steps = (size // START).bit_length() - 1
    shape = [widths[max(0, min(len(widths) - 1, steps - 1 - step))] for step in range(steps)]  # wide first
    layers: list[nn.Module] = [nn.Linear(latent, widths[-1] * START**2), nn.Unflatten(1, (widths[-1], START, START))]
    before = widths[-1]
    for width in shape:
        layers += [nn.ConvTranspose2d(before, width, 4, stride=2, padding=1), Block(width)]
        before = width
    return nn.Sequential(
        *layers, nn.BatchNorm2d(before), nn.ReLU(), nn.Conv2d(before, channels, 3, padding=1), nn.Sigmoid()
    )


class Block(nn.Module):
    """s(x) + g(x): g is twice norm, ReLU, convolution; the shortcut s is a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(width, width, 3, padding=1)
        halves = ((nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)) for _ in range(2))
        self.body = nn.Sequential(*(layer for half in halves for layer in half))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.body(x)
        return result


class Dense(nn.Module):
    """The same with fully connected layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.shortcut = nn.Linear(width, hidden)
        first, second = nn.Linear(width, hidden), nn.Linear(hidden, hidden)
        self.body = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), first, nn.BatchNorm1d(hidden), nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.body(x)
        return result
