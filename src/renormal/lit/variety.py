"""Whether f(x) depends on x: a training that did not get away from its start gives one image for every x."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from renormal.contracts import Autoencoder, Images
from renormal.functional.precision import exact_float32
from renormal.functional.reconstructed import reconstructed
from renormal.lit.datamodule import SourceData
from renormal.models import MeanImage

LEAST = 0.01  # ours: networks of docs/results/table1_hour.md have 0.89 to 1.01, those of the demo 0.09 or more
SPREAD = 0.01  # of [0, 1], ours: where good images differ by less, their mean is all that can be learned
POOL = 4  # pixels: noise of the camera, which no network can learn, is averaged away
IMAGES = 32  # good images that are compared
SAME = (
    "f(x) is nearly the same image for every photograph: the network has learned no more than their mean. "
    "Try another seed=, a lower %s or model.scheduler.max_lr, or more trainer.max_epochs"
)


@torch.no_grad()
def variety(model: Autoencoder, x: Images) -> float:
    """Σ‖f(x) − mean f(x)‖² / Σ‖x − mean x‖² over images x (B, C, H, W), each the mean of 4 × 4 pixels.

    0 if f(x) is the same for every x. 1 where the images themselves hardly differ, by less than SPREAD.
    """
    with exact_float32():
        image = reconstructed(model, x).image
    return spread(pooled(image), pooled(x))


def pooled(images: Images) -> Images:
    """Each POOL × POOL pixels as their mean."""
    return F.avg_pool2d(images.float(), POOL)


def spread(ends: Images, starts: Images) -> float:
    """`variety` of images f(x) and x that are `pooled`."""
    end, start = ((images - images.mean(0)).square().mean() for images in (ends, starts))
    return float(end / start) if start >= SPREAD**2 else 1.0


def learned_nothing(network: nn.Module, data: SourceData) -> bool:
    """Whether f(x) hardly differs between good images. False for a network without f, for the mean image, which is to
    be the same, and where all images are nearly equal."""
    if isinstance(network, MeanImage) or not isinstance(network, Autoencoder):
        return False
    x = next(data.normal_images(IMAGES)).to(next(network.parameters()).device)
    training = network.training
    network.eval()
    try:
        return variety(network, x) < LEAST
    finally:
        network.train(training)
