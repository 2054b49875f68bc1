"""Whether f(x) depends on x: a training that did not get away from its start gives one image for every x."""

from __future__ import annotations

import torch
from torch import nn

from renormal.contracts import Autoencoder, Images
from renormal.functional.precision import exact_float32
from renormal.lit.datamodule import SourceData
from renormal.models import MeanImage

LEAST = 0.05  # ours: trained networks have 0.7 to 1
TRAINED = 10_000  # images; after fewer nobody expects much
IMAGES = 32  # good images that are compared
SAME = (
    "the network has learned nothing: f(x) is nearly the same image for every x. "
    "Try another seed=, a lower %s or model.scheduler.max_lr, or more trainer.max_epochs"
)


@torch.no_grad()
def variety(model: Autoencoder, x: Images) -> float:
    """Σ‖f(x) − mean f(x)‖² / Σ‖x − mean x‖² over the images x (B, C, H, W): 0 if f(x) is the same for every x.

    Not finite where the images are all equal, or f(x) is not finite.
    """
    with exact_float32():
        image, _ = model.reconstruct(x)
    ends, starts = ((images - images.mean(0)).square().sum() for images in (image, x))
    return float(ends / starts)


def learned_nothing(network: nn.Module, data: SourceData) -> bool:
    """Whether f(x) hardly differs between good images. False for a network without f, for the mean image, which is to
    be the same, and where all images are equal."""
    if isinstance(network, MeanImage) or not isinstance(network, Autoencoder):
        return False
    x = next(data.normal_images(IMAGES)).to(next(network.parameters()).device)
    training = network.training
    network.eval()
    try:
        return variety(network, x) < LEAST
    finally:
        network.train(training)
