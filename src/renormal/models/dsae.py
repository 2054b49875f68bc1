"""The autoencoder trained on structural dissimilarity (Bergmann et al., arXiv 1807.02011)."""

from __future__ import annotations

from renormal.contracts import Images, PerSample
from renormal.functional.norms import per_sample_sum
from renormal.functional.ssim import dssim_map
from renormal.models.base import ConvAutoencoder


class DSAE(ConvAutoencoder):
    """L_r(x) = Σ (1 − SSIM(x, f(x))) / 2 over pixels and channels."""

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        return per_sample_sum(dssim_map(x, reconstructed))
