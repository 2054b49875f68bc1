"""The deterministic autoencoder trained on squared error (Bergmann et al., CVPR 2019)."""

from __future__ import annotations

from renormal.contracts import Images, PerSample
from renormal.functional.norms import squared_distance
from renormal.models.base import ConvAutoencoder


class L2AE(ConvAutoencoder):
    """L_r(x) = ‖x − f(x)‖²."""

    recordable = True  # nothing in the training loss is drawn or decided on the host

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        return squared_distance(x, reconstructed)
