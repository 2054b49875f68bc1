"""The projection of arXiv 2002.03734: gradient descent on the input of an autoencoder. Needs torch and nothing else.

from renormal.projection import Descent, Threshold, project
result = project(autoencoder, images, Descent(stop=Threshold(value=25.0)))
result.x, result.steps, result.terms.total
"""

from renormal.projection.direction import Adam, Gradient
from renormal.projection.energy import Energy, dssim, model_loss, squared_error
from renormal.projection.mask import error_mask, known_mask, no_mask
from renormal.projection.project import Descent, project, reconstruction_losses, settle
from renormal.projection.stop import AnyOf, Never, Plateau, Threshold

__all__ = [
    "Adam",
    "AnyOf",
    "Descent",
    "Energy",
    "Gradient",
    "Never",
    "Plateau",
    "Threshold",
    "dssim",
    "error_mask",
    "known_mask",
    "model_loss",
    "no_mask",
    "project",
    "reconstruction_losses",
    "settle",
    "squared_error",
]
