"""renormal finds defects in images: an autoencoder of good parts and gradient descent on the input (arXiv 2002.03734).

from renormal import Descent, Threshold, project
result = project(autoencoder, images, Descent(stop=Threshold(value=25.0)))

The names load when they are first used: those of the projection need torch alone, `load` (a finished job) all of
renormal.
"""

from importlib import import_module
from typing import Any

PLACES = {
    "Adam": "renormal.projection",
    "Descent": "renormal.projection",
    "Energy": "renormal.projection",
    "Gradient": "renormal.projection",
    "Threshold": "renormal.projection",
    "error_mask": "renormal.projection",
    "load": "renormal.inspect.load",
    "project": "renormal.projection",
    "reconstruction_losses": "renormal.projection",
}
__all__ = list(PLACES)


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module 'renormal' has no attribute {name!r}")
    return getattr(import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *PLACES])
