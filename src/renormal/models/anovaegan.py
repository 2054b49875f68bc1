"""AnoVAEGAN (Baur et al., arXiv 1804.04488, section 2): a VAE trained against a discriminator, too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renormal.contracts import Images, PerSample
from renormal.functional.gaussian import kl_to_standard_normal, sampled
from renormal.functional.norms import l1_distance
from renormal.models import network
from renormal.models.base import TrainingLoss
from renormal.models.dcgan import Discriminator, layer_norm
from renormal.models.game import Player
from renormal.models.vae import VAE


class AnoVAEGAN(VAE):
    """L_r(x) = ‖x − f(x)‖₁; z is a map, as published: unlike a vector, it keeps positions.

    The autoencoder is the one of the other models and not the authors', so that a table compares losses and not layers.

    code: channels of z, 64 in section 3. side: of the map of z; None: the encoder's last, 8 at 128 px, 1: a vector of
    `code` numbers. width: channels of the discriminator's smallest maps. adversarial: weight of −log D(f(x)), ours:
    the other two terms are sums over pixels and over z.
    """

    def __init__(
        self,
        *,
        channels: int,
        code: int = 64,
        side: int | None = None,
        size: int = 128,
        width: int = 512,
        adversarial: float = 100.0,
    ) -> None:
        side = side if side is not None else network.last_side(size)
        super().__init__(channels=channels, latent=code * side**2, size=size, side=side)
        self.adversarial = adversarial
        self.discriminator = Discriminator(channels=channels, size=size, width=width, norm=layer_norm)

    def features(self, x: Images) -> Tensor:
        """f_D(x), (B, width, 4, 4)."""
        return self.discriminator.features(x)

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        return l1_distance(x, reconstructed)

    def training_loss(self, x: Images) -> TrainingLoss:
        """‖x − f(x)‖₁ + D_KL(q(z | x) ‖ p(z)) − w log D(f(x)), with one sample of z."""
        mean, log_variance = self.posterior(x)
        image = self.decode(sampled(mean, log_variance))
        terms = {
            "reconstruction": self.reconstruction_loss(x, image),
            "kl": kl_to_standard_normal(mean, log_variance),
            "adversarial": self.adversarial * F.softplus(-self.discriminator(image)),
        }
        return TrainingLoss(sum(terms.values(), torch.zeros(len(x), device=x.device)), terms)

    def discriminator_loss(self, x: Images) -> TrainingLoss:
        """−log D(x) − log(1 − D(f(x))), f(x) from a sample of z."""
        with torch.no_grad():
            mean, log_variance = self.posterior(x)
            image = self.decode(sampled(mean, log_variance))
        real, remade = self.discriminator(x), self.discriminator(image)
        shares = {"real": real.detach().sigmoid(), "remade": remade.detach().sigmoid()}
        return TrainingLoss(F.softplus(-real) + F.softplus(remade), shares)

    def players(self) -> dict[str, Player]:
        return {
            "autoencoder": Player(weights=nn.ModuleList([self.encoder, self.decoder]), loss=self.training_loss),
            "discriminator": Player(weights=self.discriminator, loss=self.discriminator_loss),
        }
