"""The layers are those of Bergmann et al. (arXiv 1807.02011, table 1)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from renormal.models import network

TABLE = {  # image side → (channels, side) after each convolution of the encoder, before the latent layer
    128: [(32, 64), (32, 32), (32, 32), (64, 16), (64, 16), (128, 8), (64, 8), (32, 8)],
    64: [(32, 32), (32, 16), (32, 16), (64, 8), (64, 8), (128, 4), (64, 4), (32, 4)],
    256: [
        (32, 128),
        (32, 64),
        (32, 32),
        (32, 32),
        (64, 16),
        (64, 16),
        (128, 8),
        (64, 8),
        (32, 8),
    ],  # CVPR 2019: one more
}
KERNELS = [(4, 2, 1), (4, 2, 1), (3, 1, 1), (4, 2, 1), (3, 1, 1), (4, 2, 1), (3, 1, 1), (3, 1, 1)]


def shapes(part: nn.Sequential, x: Tensor) -> list[tuple[int, int]]:
    """(channels, side) after each convolution."""
    found = []
    for layer in part:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            found.append((x.shape[1], x.shape[2]))
    return found


@pytest.mark.parametrize("size", TABLE)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_encoder_is_the_table_and_the_decoder_its_mirror(size: int, channels: int) -> None:
    encoder, decoder = network.encoder(channels, 7, size), network.decoder(channels, 7, size)
    with torch.no_grad():
        assert shapes(encoder, torch.rand(1, channels, size, size)) == [*TABLE[size], (7, 1)]
        assert shapes(decoder, torch.rand(1, 7)) == [*TABLE[size][::-1], (channels, size)]
        assert encoder(torch.rand(2, channels, size, size)).shape == (2, 7)


def test_kernels_strides_and_paddings() -> None:
    def geometry(part: nn.Sequential) -> list[tuple[int, int, int]]:
        layers = [layer for layer in part if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
        return [(layer.kernel_size[0], layer.stride[0], int(layer.padding[0])) for layer in layers]

    assert geometry(network.encoder(3, 100, 128)) == [*KERNELS, (8, 1, 0)]
    assert geometry(network.decoder(3, 100, 128)) == [(8, 1, 0), *KERNELS[::-1]]
    assert geometry(network.encoder(3, 100, 256)) == [(4, 2, 1), *KERNELS, (8, 1, 0)]
    assert geometry(network.decoder(3, 100, 256)) == [(8, 1, 0), *KERNELS[::-1], (4, 2, 1)]
    assert len(geometry(network.encoder(3, 100, 512))) == len(KERNELS) + 3
    assert geometry(network.encoder(3, 100, 240)) == [*KERNELS, (15, 1, 0)]


def test_leaky_everywhere_but_at_the_latent_and_the_image() -> None:
    encoder, decoder = network.encoder(3, 100, 128), network.decoder(3, 100, 128)
    leaks = [layer.negative_slope for part in (encoder, decoder) for layer in part if isinstance(layer, nn.LeakyReLU)]
    assert leaks == [0.2] * 16
    assert isinstance(encoder[-2], nn.Conv2d)
    assert isinstance(decoder[-2], nn.ConvTranspose2d)
    assert isinstance(decoder[-1], nn.Sigmoid)


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        *((size, "multiple of 16 from 32 on") for size in (0, 16, 100, 130)),
        (272, "multiple of 32 from 256 on"),
        (544, "multiple of 64 from 512 on"),
    ],
)
def test_a_side_that_the_strides_cannot_halve_is_refused(size: int, sides: str) -> None:
    with pytest.raises(ValueError, match=f"{sides}, got {size}"):
        network.encoder(3, 100, size)
