"""AnoGAN's networks (Schlegl et al., arXiv 1703.05921, section 2.1): a DCGAN of normal images, without an encoder."""

from __future__ import annotations

from torch import nn
from torch.nn import functional as F

from renormal.contracts import Images
from renormal.models.base import TrainingLoss
from renormal.models.dcgan import GAN
from renormal.models.game import Player


class AnoGAN(GAN):
    """G and D of Goodfellow et al. (arXiv 1406.2661, section 3), G on −log D(G(z)) instead of log(1 − D(G(z))).

    There is no f(x): an image is compared with G(z) after a search for z, and a job has no baseline column.
    latent: 100 in arXiv 1511.06434, section 4. width: 512 in 1703.05921, section 3.
    """

    def __init__(self, *, channels: int, latent: int = 100, size: int = 128, width: int = 512) -> None:
        super().__init__(channels=channels, latent=latent, size=size, width=width, norm=nn.BatchNorm2d)

    def discriminator_loss(self, x: Images) -> TrainingLoss:
        """−log D(x) − log(1 − D(G(z)))."""
        real, drawn = self.discriminator(x), self.discriminator(self.drawn(x).detach())
        shares = {"real": real.detach().sigmoid(), "drawn": drawn.detach().sigmoid()}
        return TrainingLoss(F.softplus(-real) + F.softplus(drawn), shares)

    def generator_loss(self, x: Images) -> TrainingLoss:
        """−log D(G(z))."""
        return TrainingLoss(F.softplus(-self.discriminator(self.drawn(x))), {})

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player(weights=self.discriminator, loss=self.discriminator_loss),
            "generator": Player(weights=self.generator, loss=self.generator_loss),
        }
