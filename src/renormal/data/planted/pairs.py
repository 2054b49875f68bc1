"""The pairs of an outline and a material of the damage that networks learn from, as kinds of planted defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from renormal.contracts import Images
from renormal.data.planted.shapes import Draw
from renormal.functional.chance import Chance
from renormal.functional.damage import FAMILIES, OPACITY, Family, Place, planned
from renormal.functional.materials import MATERIALS
from renormal.functional.outlines import OUTLINES, frame

SIZES = (0.016, 0.45)  # smallest and largest defect, diameters in short sides, ours


@dataclass(frozen=True)
class Pair:
    """One pair: it paints a whole image and returns how far that covers the good one."""

    outline: str
    material: str

    def __call__(self, images: Images, others: Images, draw: Draw) -> tuple[Images, Tensor]:
        own, index = Chance(draw.uniform, draw.lattice), torch.arange(len(images))
        height, width = images.shape[-2:]
        place = Place(draw.centre, own.log_between(15, *SIZES))
        at = frame(height, width, *place, own)
        material = torch.full_like(index, list(MATERIALS).index(self.material))
        plan = planned(images, index, OUTLINES[self.outline](at, own), place, material, own, OPACITY)
        return plan.paint(images, others), plan.opacity * plan.shape


def pairs(family: Family) -> Mapping[str, Pair]:
    """Name → pair: the half of them that Damage draws for this family."""
    odd = family == FAMILIES[1]
    both = [(o, m) for o in range(len(OUTLINES)) for m in range(len(MATERIALS)) if (o + m) % 2 == odd]
    names = [(list(OUTLINES)[o], list(MATERIALS)[m]) for o, m in both]
    return {f"{outline}_{material}": Pair(outline, material) for outline, material in names}
