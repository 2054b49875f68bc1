"""The autoencoder trained on structural dissimilarity (Bergmann et al., arXiv 1807.02011)."""

from __future__ import annotations

from renormal.contracts import Images, PerSample
from renormal.functional.dssim_loss import dssim_sum
from renormal.models.base import ConvAutoencoder


class DSAE(ConvAutoencoder):
    """L_r(x) = Σ (1 − SSIM(x, f(x))) / 2 over pixels and channels."""

    recordable = True  # nothing in the training loss is drawn or decided on the host

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        return dssim_sum(x, reconstructed)
