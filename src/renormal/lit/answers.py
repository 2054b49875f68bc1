"""Images and maps of every column: what a test scores, and what a finished job says of a new photograph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from renormal.contracts import BASELINE, Autoencoder, Batch, Score
from renormal.functional.reconstructed import reconstructed
from renormal.functional.tiles import cut, enlarged, shrunk
from renormal.functional.views import View
from renormal.lit.batches import channels_last, in_batches
from renormal.lit.ensemble import Answer, Prepared, averaged
from renormal.lit.projection_run import ProjectionRun, Tiles
from renormal.lit.samples import Row
from renormal.lit.scoring import Scoring


@dataclass(frozen=True)
class Answers:
    """Calls each projection once for all tiles of a batch, for each autoencoder and each view.

    ends: column → (projection or baseline, score). side: of the images that the network gets, in pixels.
    """

    networks: Sequence[Prepared]
    views: Sequence[View]
    scoring: Scoring
    ends: Mapping[str, tuple[str, Score]]
    side: int

    def __call__(self, batch: Batch, rows: list[Row], runs: Mapping[str, ProjectionRun]) -> Answer:
        """Images of each column, and maps averaged over all autoencoders and views.

        runs: every projection that `ends` names. They and the rows of samples.csv get the numbers of the descents.
        """
        passes = product(self.networks, self.views)
        return averaged(self._pass(network, view, batch, rows, runs) for network, view in passes)

    def unwatched(self, finished: Callable[[int], None] | None = None) -> dict[str, ProjectionRun]:
        """Runs of the projections that `ends` names, without curve and film. finished: as of ProjectionRun."""
        used = {whose for whose, _ in self.ends.values()}
        run = partial(ProjectionRun, finished=finished)
        return {name: run(name, one) for name, one in self.networks[0].descents.items() if name in used}

    def _pass(
        self, network: Prepared, view: View, batch: Batch, rows: list[Row], runs: Mapping[str, ProjectionRun]
    ) -> Answer:
        """Images and maps of one autoencoder on one view, turned back."""
        model, n, image = network.model, network.shrink, shrunk(view(batch.image), network.shrink)
        tiled = partial(cut, size=self.side, stride=self.scoring.stride)
        x0, regions = channels_last(tiled(image), network.device), tiled(view(batch.regions)[..., ::n, ::n])
        ends = {}
        if isinstance(model, Autoencoder):
            ends[BASELINE] = in_batches(lambda x: reconstructed(model, x).image, x0, size=self.scoring.size)
        watched = (network, view) == (self.networks[0], self.views[0])
        given = Tiles(x0, regions, ends.get(BASELINE, x0))
        ends |= {name: run.project(network, given, batch, rows, watched=watched) for name, run in runs.items()}
        scored = partial(self.scoring, model=model, x0=x0, image=image)
        found = {name: scored(network.scores[name], end=ends.get(whose, x0)) for name, (whose, _) in self.ends.items()}
        whole = {name: (enlarged(end, n), enlarged(maps, n)) for name, (end, maps) in found.items()}
        return {name: (view.back(end), view.back(maps)) for name, (end, maps) in whole.items()}
