"""F1 and recall of each kind of defect at a threshold that was chosen on normal images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from renormal.contracts import IMAGE_RECALL, ONLY_DEFECTIVE, ONLY_GOOD, RECALL, Maps, Regions
from renormal.functional.bins import fine_bins
from renormal.metrics.anomaly import check, highest, no_pixels


class Alarm(NamedTuple):
    """What counts as defective: pixels from the fine bin `bin` on, images whose highest pixel exceeds `image`."""

    bin: int
    image: float


class Detection(Metric):
    """F1 of all pixels and of all images, and recall of the pixels and the images of each kind of defect.

    F1 = 2 TP / (2 TP + FP + FN). alarm: chosen on normal images, without the labels of the test. defects: every kind of
    defect in the test set. Pixels of region −1 (a defect without a mask) are left out; their image is not.
    """

    full_state_update = False
    pixels: Tensor
    images: Tensor

    def __init__(self, alarm: Alarm, defects: Sequence[str]) -> None:
        super().__init__()
        self.alarm, self.defects = alarm, tuple(defects)
        self.undefined: dict[str, str] = {}
        for name in ("pixels", "images"):  # first row: normal ones; columns: below the threshold, above it
            self.add_state(name, torch.zeros(1 + len(defects), 2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, maps: Maps, regions: Regions, defects: Sequence[str]) -> None:
        """Count one batch. defects: of each image its kind; one that the metric does not know is a good image."""
        check(maps, regions)
        kinds = [1 + self.defects.index(name) if name in self.defects else 0 for name in defects]
        kind = torch.tensor(kinds, device=maps.device)
        above = (fine_bins(maps) >= self.alarm.bin).long()
        known = regions >= 0
        rows = torch.where(regions > 0, kind[:, None, None], 0)
        size = self.pixels.numel()
        self.pixels = self.pixels + torch.bincount((2 * rows + above)[known], minlength=size).view(-1, 2)
        found = (highest(maps) > self.alarm.image).long()
        self.images = self.images + torch.bincount(2 * kind + found, minlength=size).view(-1, 2)

    def compute(self) -> dict[str, Tensor]:
        """Every number that is defined, as float64 on the CPU."""
        pixels, images = self.pixels.cpu().double(), self.images.cpu().double()
        reasons = {
            "f1": no_pixels(pixels[0], pixels[1:], images[1:]),
            "image_f1": ("" if images[0].any() else ONLY_DEFECTIVE) if images[1:].any() else ONLY_GOOD,
        }
        self.undefined = {name: reason for name, reason in reasons.items() if reason}
        counts = {"f1": pixels, "image_f1": images}
        values = {name: f1(own) for name, own in counts.items() if name not in self.undefined}
        for prefix, own in ((RECALL, pixels), (IMAGE_RECALL, images)):
            for name, (below, above) in zip(self.defects, own[1:], strict=True):
                if below + above:
                    values[f"{prefix}{name}"] = above / (below + above)
        return values


def f1(counts: Tensor) -> Tensor:
    """2 TP / (2 TP + FP + FN) of counts below and above a threshold, in rows: normal, then kinds of defects."""
    (_, false), (missed, true) = counts[0], counts[1:].sum(dim=0)
    return torch.as_tensor(2 * true / (2 * true + false + missed))
