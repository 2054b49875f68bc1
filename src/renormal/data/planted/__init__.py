"""Defects drawn on good images, to choose settings on where there are no labels. Frozen, see `plant`."""

from renormal.data.planted.plant import KINDS, plant

__all__ = ["KINDS", "plant"]
