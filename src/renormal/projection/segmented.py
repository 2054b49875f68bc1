"""An energy that counts only what a network has learned to call a defect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from renormal.contracts import EnergyTerms, Images, Mask, PerSample, Segmenter
from renormal.functional.norms import l1_distance, squared_distance
from renormal.functional.reconstructed import reconstructed

OTHER = ": set model=segmenting_ae, or another projection"  # ends the line of a model without S


@dataclass(frozen=True)
class SegmentedEnergy:
    """E(x) = Σ m ⊙ (x − f(x))² + λ‖x − x₀‖₁, where m = 1 if S(x, f(x)) > level within `reach` × `reach` px, else 0.

    L_r is the sum. f(x) and m are constants in the gradient, so ∇L_r = 2 m ⊙ (x − f(x)). With λ = 0 a step of α = ½
    puts f(x) where S sees a defect, and leaves all other pixels as they are. Eq. 8 has the mask (x − f(x))² in place of
    m (arXiv 2002.03734); m is ours. S: of a model such as SegmentingAE. reach: odd, px.
    """

    level: float = 0.2
    reach: int = 9
    weight: float = 0.0  # λ

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must be above 0 and below 1, as S is a probability, got {self.level}")
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"the weight λ of ‖x − x0‖₁ must be >= 0, got {self.weight}")
        if not (self.reach >= 1 and self.reach % 2 == 1):
            raise ValueError(f"reach must be an odd number of pixels, got {self.reach}")

    def check(self, model: Any) -> None:
        """Raise ValueError for a model without S."""
        if not isinstance(model, Segmenter):
            lack = f"{type(model).__name__} has not learned to segment"
            raise ValueError(f"{lack}{OTHER}")

    def __call__(self, model: Any, x: Images, x0: Images) -> EnergyTerms:
        with torch.no_grad():
            image = reconstructed(model, x).image
            marked = self.marked(model, x, image)
        return self._terms(x, x0, image, (marked * (x - image).square()).flatten(1).sum(dim=1))

    def of_all(self, model: Any, x: Images, x0: Images) -> EnergyTerms:
        """E with m = 1."""
        with torch.no_grad():
            image = reconstructed(model, x).image
        return self._terms(x, x0, image, squared_distance(x, image))

    def _terms(self, x: Images, x0: Images, image: Images, loss: PerSample) -> EnergyTerms:
        distance = l1_distance(x, x0)
        return EnergyTerms(loss + self.weight * distance, loss, distance, image)

    def marked(self, model: Segmenter, x: Images, image: Images) -> Mask:
        """m, (B, 1, H, W), 0 or 1."""
        near = F.max_pool2d(model.segment(x, image)[:, None].float(), self.reach, 1, self.reach // 2)
        return (near > self.level).float()
