"""A repair network, and a second one that says which pixels it changed because they are damaged (arXiv 2108.07610)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renormal.contracts import Images, Maps, Mask
from renormal.models.base import TrainingLoss
from renormal.models.repair_ae import RepairAE
from renormal.models.unet import UNet

NEAR = 5  # px, side of the mean of the change; ours
SCALE = 0.04  # change of grey that is seen as damage with 1 − 1/e; ours, about ten grey levels
STEEPER = 4.0  # x − f(x) comes to the network so many times larger, ours: small next to x
MULTIPLE = 8  # px, of which the sides of a UNet's images are multiples
RARE = -3.0  # first logit: damage is rare


class SegmentingAE(RepairAE):
    """f as in RepairAE, and S(x, y) in [0, 1], trained by Σ BCE(S(x̃, f(x̃)), s), s = 1 − exp(−|x̃ − target| / scale).

    |x̃ − target| is a mean over channels and 5 × 5 px, and 0 where nothing was painted: paint that cannot be seen is no
    damage. S learns which differences between x and f(x) damage leaves, where a fixed distance counts all of them.
    After DRAEM's two networks (Zavrtanik et al., ICCV 2021, arXiv 2108.07610) and the graded labels of NSA (arXiv
    2109.15222). Layers and damage are ours; f has no gradient of S.

    segmenter: channels of S at side / 2. Other arguments: as RepairAE.
    """

    recordable = True  # S draws nothing

    def __init__(self, *, channels: int, segmenter: int = 16, **repair: Any) -> None:
        super().__init__(channels=channels, **repair)
        self.segmenter = UNet(2 * channels, 1, segmenter)
        weight, bias = self.segmenter.head.parameters()
        nn.init.normal_(weight, std=0.01)
        nn.init.constant_(bias, RARE)

    def segment(self, x: Images, y: Images) -> Maps:
        """S(x, y), (B, H, W) in [0, 1]: how probably x was damaged, where y is what it should be. Of any side."""
        height, width = x.shape[-2:]
        missing = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        logits = self.logits(F.pad(x, missing, mode="replicate"), F.pad(y, missing, mode="replicate"))
        return torch.sigmoid(logits)[:, 0, :height, :width]

    def logits(self, x: Images, y: Images) -> Tensor:
        """The logit of S(x, y), (B, 1, H, W)."""
        return self.segmenter.layers(torch.cat([x, STEEPER * (x - y)], dim=1))

    def prepared_loss(self, damaged: Images, target: Images, cover: Mask) -> TrainingLoss:
        """Of damaged images, what f should make of them, and where they were painted."""
        damaged = damaged.contiguous(memory_format=torch.channels_last)
        image = self(damaged)
        total, terms = self.repair_loss(image, target, cover)
        logits = self.logits(damaged, image.detach())
        seen = visible(damaged, target, cover)
        terms["segment"] = F.binary_cross_entropy_with_logits(logits, seen, reduction="none").sum(dim=(1, 2, 3))
        return TrainingLoss(total + terms["segment"], terms)


def visible(damaged: Images, target: Images, cover: Mask) -> Mask:
    """s, (B, 1, H, W) in [0, 1): how well the paint can be seen."""
    change = (damaged - target).abs().mean(dim=1, keepdim=True)
    near = F.avg_pool2d(F.pad(change, (NEAR // 2,) * 4, mode="reflect"), NEAR, 1)
    return -torch.expm1(-near / SCALE) * (cover > 0)
