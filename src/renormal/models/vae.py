"""The variational autoencoder with a fixed decoder variance (Kingma & Welling, arXiv 1312.6114)."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample, Reconstruction
from renormal.functional.gaussian import kl_to_standard_normal, nll, sampled
from renormal.models.base import ConvAutoencoder, TrainingLoss

LOG_VARIANCE_LIMIT = 2.0  # ours: the prior's is 0, and exp of an outlier would end the training


class VAE(ConvAutoencoder):
    """−log p(x | z) = Σ ½((x − f(x)) / σ)² + log σ + const, z ~ q(z | x), a Gaussian; f(x) decodes the mean of q.

    sigma: σ, of the decoder on [0, 1] images. ½ is the identity covariance of the paper on [−1, 1] images, where the
    public codes of its time have them; 1 is that on [0, 1] images. draws: k > 0: f(x) = mean over k of
    Dec(μ(x) + σ(x) ⊙ ε_k), an estimate of E_q Dec(z), with the same ε_k for all images; 0: Dec(μ(x)), as in the paper.
    The training is the same for all k. A training of few images has shown its decoder no code near the mean of a
    posterior that is as wide as the prior, so that Dec(μ) may be far from every image (docs/blurred.md).
    """

    recordable = True  # nothing in the training loss is drawn or decided on the host
    draws: Tensor  # ε_k, (k, latent)

    def __init__(
        self,
        *,
        channels: int,
        latent: int = 100,
        size: int = 128,
        side: int = 1,
        sigma: float = 0.5,
        draws: int = 0,
        layers: tuple[nn.Module, nn.Module] | None = None,
    ) -> None:
        super().__init__(channels=channels, latent=latent, size=size, side=side, layers=layers)
        if not 0 < sigma < math.inf:
            raise ValueError(f"model.net.sigma must be positive and finite, got {sigma}")
        self.sigma = sigma
        self.register_buffer("draws", antithetic(draws, latent), persistent=False)

    @property
    def log_std(self) -> Tensor | float:
        """log σ of the decoder."""
        return math.log(self.sigma)

    @property
    def encoded_features(self) -> int:
        return 2 * self.latent

    def posterior(self, x: Images) -> tuple[Latents, Latents]:
        """μ(x) and log σ²(x) of q(z | x)."""
        features: Tensor = self.encoder(x)
        mean, log_variance = features.float().chunk(2, dim=1)
        excess = (log_variance - LOG_VARIANCE_LIMIT).clamp(min=0)
        return mean, log_variance - excess.detach()  # a clamp that passes the gradient: outliers can come back

    def encode(self, x: Images) -> Latents:
        return self.posterior(x)[0]

    def kl(self, x: Images) -> PerSample:
        """D_KL(q(z | x) ‖ p(z))."""
        return kl_to_standard_normal(*self.posterior(x))

    def reconstruct(self, x: Images) -> Reconstruction:
        """f(x), L_r(x) and the KL term, from one pass through the encoder."""
        mean, log_variance = self.posterior(x)
        image = self._expected(mean, log_variance)
        kl = partial(kl_to_standard_normal, mean, log_variance)
        return Reconstruction(image, partial(self.reconstruction_loss, x, image), kl)

    def _expected(self, mean: Latents, log_variance: Latents) -> Images:
        """Dec(μ), or the mean of decoded samples of q."""
        if not len(self.draws):
            return self.decode(mean)
        images = [self.decode(sampled(mean, log_variance, noise)) for noise in self.draws]
        return torch.stack(images).mean(dim=0)

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        return nll(x, reconstructed, self.log_std)

    def training_loss(self, x: Images) -> TrainingLoss:
        """L(x) = −E_q log p(x | z) + D_KL(q(z | x) ‖ p(z)), with one sample of z (eq. 1)."""
        mean, log_variance = self.posterior(x)
        z = sampled(mean, log_variance)
        reconstruction = self.reconstruction_loss(x, self.decode(z))
        kl = kl_to_standard_normal(mean, log_variance)
        return TrainingLoss(reconstruction + kl, {"reconstruction": reconstruction, "kl": kl})


def antithetic(count: int, latent: int) -> Tensor:
    """(count, latent) of N(0, I), the same at every call. The second half is minus the first: their mean is 0."""
    if count < 0:
        raise ValueError(f"model.net.draws must be at least 0, got {count}")
    half = torch.randn((count + 1) // 2, latent, generator=torch.Generator().manual_seed(0))
    return torch.cat([half, -half])[:count]
