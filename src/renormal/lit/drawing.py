"""The pictures of a test: panels of some samples, and one image during its descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from renormal.contracts import Batch, Images, Maps
from renormal.data.memory import Labelled
from renormal.lit.gathering import gathered
from renormal.lit.panels import draw, first_of_each_defect

Watch = Callable[[str, str, Tensor, Tensor], None]  # a panel's projection, path, map and regions


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Settings of the pictures, which are written into `folder`/panels.

    panels: number of samples, the first of each defect in turn. projections: those with panels; None: all. limit: top
    of the scale of all maps; None: each column has its own, from normal images. path: iterations at which the first
    defective image is drawn (Figure 8). watch: called with the map and the regions of each panel.
    """

    folder: Path
    panels: int = 12
    projections: Sequence[str] | None = None
    limit: float | None = None
    path: Sequence[int] = ()
    watch: Watch | None = None


class Panels:
    """Draws the panels of one test, and keeps their entries for the record."""

    def __init__(
        self, drawing: Drawing, projections: Sequence[str], test: Labelled, limits: Mapping[str, float]
    ) -> None:
        """limits: column → top of the scale of its maps, where the drawing gives none."""
        self.limits = {name: drawing.limit or limit for name, limit in limits.items()}
        self.drawing, self.order, self.paths = drawing, tuple(projections), test.paths
        self.names = [name for name in projections if drawing.projections is None or name in drawing.projections]
        self.wanted = set(first_of_each_defect(test.defects, test.paths, drawing.panels))
        self.entries: list[dict[str, str]] = []

    def draw(self, batch: Batch, whole: Mapping[str, tuple[Images, Maps]]) -> None:
        """Draw the chosen images of a batch. whole: column → its images and maps."""
        shown = [(row, path) for row, path in enumerate(batch.path) if path in self.wanted]
        for name in self.names:
            for row, path in shown:
                folder = self.drawing.folder / "panels"
                self.entries.append(draw(folder, name, batch, row, whole, limits=self.limits))
                if self.drawing.watch is not None:
                    self.drawing.watch(name, path, whole[name][1][row], batch.regions[row])

    def gather(self) -> None:
        """The entries of all ranks, sorted by projection and sample: the order does not depend on the ranks."""
        entries = [entry for part in gathered(self.entries) for entry in part]
        self.entries = sorted(
            entries, key=lambda one: (self.order.index(one["projection"]), self.paths.index(one["path"]))
        )
