"""f-AnoGAN (Schlegl et al., Medical Image Analysis 54, 2019): a WGAN-GP, then an encoder that finds z in one pass.

The networks are DCGAN's and not the residual ones of the authors' code, which cost ten times as much at 128 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.models.base import TrainingLoss
from renormal.models.dcgan import GAN, head, layer_norm, trunk
from renormal.models.game import Player

RANGE = 2.0  # slopes and errors count in images from −1 to 1, as published


class FAnoGAN(GAN):
    """f(x) = G(E(x)).

    G and its critic are trained first (Gulrajani et al., arXiv 1704.00028, algorithm 1), then E alone (section 2.2,
    izi_f). The critic's norms are over layers, as the penalty is on each sample's own gradient (1704.00028, section 4).

    penalty: λ of the gradient penalty. critic_steps: batches a step of G. kappa: weight of the features in izi_f.
    encoder_share: of the batches, for E: 50 000 of the authors' about 150 000.
    """

    def __init__(
        self,
        *,
        channels: int,
        latent: int = 128,
        size: int = 128,
        width: int = 512,
        penalty: float = 10.0,
        critic_steps: int = 5,
        kappa: float = 1.0,
        encoder_share: float = 1 / 3,
    ) -> None:
        super().__init__(channels=channels, latent=latent, size=size, width=width, norm=layer_norm)
        if not 0 < encoder_share < 1:
            raise ValueError(f"model.net.encoder_share must lie between 0 and 1, got {encoder_share}")
        self.penalty, self.critic_steps, self.kappa, self.encoder_share = penalty, critic_steps, kappa, encoder_share
        self.encoder = nn.Sequential(trunk(channels, size, width, layer_norm), head(width, latent))

    def encode(self, x: Images) -> Latents:
        """E(x), linear at the end."""
        z: Tensor = self.encoder(2 * x - 1)
        return z.float()

    def forward(self, x: Images) -> Images:
        """f(x)."""
        return self.decode(self.encode(x))

    def reconstruct(self, x: Images) -> Reconstruction:
        """f(x) and ‖x − f(x)‖²."""
        image = self.decode(self.encode(x))
        return Reconstruction(image, partial(squared_distance, x, image))

    def critic_loss(self, x: Images) -> TrainingLoss:
        """D(G(z)) − D(x) + λ (‖∇D(x̂)‖₂ − 1)², x̂ on the line from x to G(z)."""
        drawn = self.drawn(x).detach()
        distance = self.discriminator(x) - self.discriminator(drawn)
        steep = gradient_penalty(self.discriminator, x, drawn)
        return TrainingLoss(self.penalty * steep - distance, {"distance": distance, "penalty": steep})

    def generator_loss(self, x: Images) -> TrainingLoss:
        """−D(G(z))."""
        return TrainingLoss(-self.discriminator(self.drawn(x)), {})

    def encoder_loss(self, x: Images) -> TrainingLoss:
        """izi_f: mean (x − G(E(x)))² + κ · mean (f_D(x) − f_D(G(E(x))))², each over its own numbers."""
        with at_rest(self.generator):
            image = self.decode(self.encode(x))
        pixels = (RANGE * (x - image)).square().flatten(1).mean(dim=1)
        features = (self.features(x) - self.features(image)).square().flatten(1).mean(dim=1)
        return TrainingLoss(pixels + self.kappa * features, {"pixels": pixels, "features": features})

    def players(self) -> dict[str, Player]:
        until = 1 - self.encoder_share
        return {
            "critic": Player(weights=self.discriminator, loss=self.critic_loss, until=until),
            "generator": Player(weights=self.generator, loss=self.generator_loss, every=self.critic_steps, until=until),
            "encoder": Player(weights=self.encoder, loss=self.encoder_loss, since=until),
        }


def gradient_penalty(critic: Callable[[Images], PerSample], x: Images, drawn: Images) -> PerSample:
    """(‖∇D(x̂)‖₂ − 1)² at x̂ = ε x + (1 − ε) G(z), ε uniform for each sample (arXiv 1704.00028, eq. 3)."""
    mix = torch.rand(len(x), 1, 1, 1, device=x.device)
    between = (mix * x + (1 - mix) * drawn).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    slope = gradient.float().flatten(1).norm(dim=1) / RANGE
    penalty: Tensor = (slope - 1).square()
    return penalty


@contextmanager
def at_rest(part: nn.Module) -> Iterator[None]:
    """As at test time: batch norms use the statistics that they have, and do not update them."""
    mode = part.training
    part.eval()
    try:
        yield
    finally:
        part.train(mode)
