"""What the four autoencoders of the paper share: the network and the training. Each defines its own L_r."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample, Reconstruction
from renormal.models import network


class TrainingLoss(NamedTuple):
    """What the optimizer minimizes, and the terms that make it up (for the log)."""

    total: PerSample
    terms: dict[str, PerSample]


class ConvAutoencoder(nn.Module, ABC):
    """f = decode ∘ encode, deterministic: a variational model decodes the mean of q.

    channels: 1 or 3. latent: size of z, 100 in section 4.1. size: image side in pixels, 128 in section 4.1. side: of
    z where it is a map, 1 for a vector. layers: another encoder and decoder than the paper's.
    """

    def __init__(
        self,
        *,
        channels: int,
        latent: int = 100,
        size: int = 128,
        side: int = 1,
        layers: tuple[nn.Module, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.latent, self.size = channels, latent, size
        self.encoder, self.decoder = layers or (
            network.encoder(channels, self.encoded_features, size, side),
            network.decoder(channels, latent, size, side),
        )

    @property
    def encoded_features(self) -> int:
        """How many numbers the encoder returns for an image."""
        return self.latent

    def encode(self, x: Images) -> Latents:
        """z of x, (B, latent)."""
        z: Tensor = self.encoder(x)
        return z

    def decode(self, z: Latents) -> Images:
        """The image at z, values in [0, 1]."""
        image: Tensor = self.decoder(z)
        return image.float()

    def reconstruct(self, x: Images) -> Reconstruction:
        """f(x) and L_r(x)."""
        image = self.decode(self.encode(x))
        return Reconstruction(image, partial(self.reconstruction_loss, x, image))

    def forward(self, x: Images) -> Images:
        """f(x)."""
        return self.decode(self.encode(x))

    @abstractmethod
    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        """L_r(x), from f(x)."""

    def training_loss(self, x: Images) -> TrainingLoss:
        """L_r alone; variational models add their KL term."""
        reconstruction = self.reconstruct(x).loss
        return TrainingLoss(reconstruction, {"reconstruction": reconstruction})

    def prepared(self, x: Images) -> tuple[Tensor, ...]:
        """What `prepared_loss` is of: x, and what the host draws for it."""
        return (x,)

    def prepared_loss(self, x: Images) -> TrainingLoss:
        """The training loss of `prepared` images."""
        return self.training_loss(x)
