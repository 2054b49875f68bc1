"""Defects drawn on good images: what settings are chosen on where nobody has a label. Frozen, see `plant`."""

from renormal.data.planted.plant import KINDS, plant

__all__ = ["KINDS", "plant"]
