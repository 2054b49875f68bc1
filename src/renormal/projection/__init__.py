"""The projection of arXiv 2002.03734: gradient descent on the input of an autoencoder. Needs torch and nothing else.

`reference` is the paper in one function, `project` the same for many images at once:

from renormal.projection import Descent, Threshold, project
result = project(autoencoder, images, Descent(stop=Threshold(value=25.0)))
result.x, result.steps, result.terms.total
"""

from renormal.projection.anogan import AnoGANEnergy
from renormal.projection.descent import Descent, Settled, reconstruction_losses, settle
from renormal.projection.direction import Adam, Gradient
from renormal.projection.energy import L1, Checked, Differentiable, Energy, dssim, model_loss, squared_error
from renormal.projection.latent import LatentEnergy
from renormal.projection.latent_start import Drawn, Encoded, LatentSearch, Start
from renormal.projection.map_tv import ClippedGradient, TotalVariation
from renormal.projection.mask import error_mask, known_mask, no_mask
from renormal.projection.observing import Observer
from renormal.projection.project import project
from renormal.projection.reference import reference
from renormal.projection.segmented import SegmentedEnergy
from renormal.projection.stop import AnyOf, Never, Plateau, Threshold

__all__ = [
    "L1",
    "Adam",
    "AnoGANEnergy",
    "AnyOf",
    "Checked",
    "ClippedGradient",
    "Descent",
    "Differentiable",
    "Drawn",
    "Encoded",
    "Energy",
    "Gradient",
    "LatentEnergy",
    "LatentSearch",
    "Never",
    "Observer",
    "Plateau",
    "SegmentedEnergy",
    "Settled",
    "Start",
    "Threshold",
    "TotalVariation",
    "dssim",
    "error_mask",
    "known_mask",
    "model_loss",
    "no_mask",
    "project",
    "reconstruction_losses",
    "reference",
    "settle",
    "squared_error",
]
