"""All metrics of one column of a test."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from renormal.contracts import IMAGE_RECALL, RECALL, Maps, Regions
from renormal.metrics.anomaly import METRICS, AnomalyMetrics
from renormal.metrics.detection import Alarm, Detection
from renormal.metrics.image_overlap import AUPIMO, ImageOverlap


class ColumnMetrics:
    """`AnomalyMetrics`, `ImageOverlap` and, with an alarm, `Detection`.

    limits: further limits of AUPRO. alarm: the thresholds that normal images gave. defects: kinds in the test set.
    """

    def __init__(
        self, *, limits: Sequence[float], alarm: Alarm | None, defects: Sequence[str], device: torch.device
    ) -> None:
        self.anomaly = AnomalyMetrics(limits=limits).to(device)
        self.overlap = ImageOverlap().to(device)
        self.undefined: dict[str, str] = {}  # metric → why `compute` left it out
        self.detection = None if alarm is None else Detection(alarm, defects).to(device)

    @staticmethod
    def numbers(limits: Sequence[float], defects: Sequence[str]) -> list[str]:
        """The names of all metrics, with those that need an alarm."""
        recalls = [f"{prefix}{name}" for prefix in (RECALL, IMAGE_RECALL) for name in defects]
        return [*METRICS, *(f"aupro_{limit:g}" for limit in limits), AUPIMO, "f1", "image_f1", *recalls]

    def update(self, maps: Maps, regions: Regions, defects: Sequence[str]) -> None:
        """Count one batch."""
        self.anomaly.update(maps, regions)
        self.overlap.update(maps, regions)
        if self.detection is not None:
            self.detection.update(maps, regions, defects)

    def compute(self) -> dict[str, float]:
        """Every metric that is defined, over all ranks: each rank calls it once."""
        values = self.anomaly.compute() | self.overlap.compute()
        self.undefined = self.anomaly.undefined | self.overlap.undefined
        if self.detection is not None:
            values |= self.detection.compute()
            self.undefined |= self.detection.undefined
        return {name: value.item() for name, value in values.items()}
