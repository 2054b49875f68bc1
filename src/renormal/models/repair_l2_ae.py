"""The network that repairs, the one that says what is damage, and the paper's L² AE, trained together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from renormal.contracts import Images, Mask
from renormal.functional.norms import squared_distance
from renormal.functional.tiles import blend, cut
from renormal.models.base import TrainingLoss
from renormal.models.l2_ae import L2AE
from renormal.models.segmenting_ae import SegmentingAE


class RepairL2AE(SegmentingAE):
    """f and S as in SegmentingAE, and g, an L2AE, trained by Σ (x − g(x))² on good images x without damage.

    f gives large defects back where they look like a good part elsewhere, as a part of another colour does. g has a
    narrow code and cannot. g(x) answers `score=second`. f and S have no gradient of g. The three together are ours.

    size: a multiple of 16 from 32 on, as L2AE. latent: of g. Other arguments: as SegmentingAE.
    """

    recordable = True  # g draws nothing

    def __init__(self, *, channels: int, size: int = 128, latent: int = 100, **segmenting: Any) -> None:
        super().__init__(channels=channels, size=size, **segmenting)
        self.g = L2AE(channels=channels, latent=latent, size=size)

    def second(self, x: Images) -> Images:
        """g(x), of any side from `size` on: larger images in tiles that do not overlap but at the border."""
        size, (height, width) = self.g.size, x.shape[-2:]
        return blend(self.g(cut(x, size, size)), height, width, size)

    def prepared(self, x: Images) -> tuple[Tensor, ...]:
        """Newly damaged x, and x itself for g."""
        return (*super().prepared(x), x)

    def prepared_loss(self, damaged: Images, target: Images, cover: Mask, x: Images) -> TrainingLoss:  # type: ignore[override]
        """Of damaged images, what f should make of them, where they were painted, and what they were."""
        total, terms = super().prepared_loss(damaged, target, cover)
        good = x.contiguous(memory_format=torch.channels_last)
        terms["second"] = squared_distance(good, self.g(good))
        return TrainingLoss(total + terms["second"], terms)
