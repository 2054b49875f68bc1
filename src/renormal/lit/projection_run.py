"""One projection over a test set, batch by batch, and its numbers for the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from renormal.contracts import Batch, Images, Maps, Regions
from renormal.functional.transfer import waited_for
from renormal.lit.batches import in_batches, project_filled, without_diverged
from renormal.lit.curves import Curve
from renormal.lit.descent_report import DescentReport
from renormal.lit.ensemble import Prepared
from renormal.lit.film import Filming, together
from renormal.lit.gathering import gathered
from renormal.lit.samples import Row, add_descent
from renormal.projection import Observer, Settled


class Tiles(NamedTuple):
    """A batch as the model gets it: whole images, or tiles, those of one image after those of another."""

    x0: Images
    regions: Regions
    baseline: Images  # f(x0), or x0 if the model has no f


class ProjectionRun:
    """Projects batches; fills `report`, `curve` and `details`.

    descent: of the first autoencoder, with its threshold. curve: count the AUROC after each iteration, over tiles.
    filming: which image is kept during its descent. finished: called with the number of samples that have just ended.
    observe: called at every evaluation of a watched descent, as `project` does it.
    """

    def __init__(
        self,
        name: str,
        descent: Settled,
        *,
        curve: bool = False,
        filming: Filming | None = None,
        finished: Callable[[int], None] | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.name, self.filming, self.finished, self.observe = name, filming, finished, observe
        self.report = DescentReport(descent)
        self.curve = Curve(descent.max_steps) if curve else None
        self.details: dict[str, Any] = {}  # for the record

    def project(self, network: Prepared, tiles: Tiles, batch: Batch, rows: list[Row], *, watched: bool) -> Images:
        """x_N, or f(x0) for a sample that diverged. watched: add these descents to the curve and the film."""
        descent, model, (x0, regions, baseline) = network.descents[self.name], network.model, tiles
        curve = self.curve if watched else None
        film = self.filming.film(batch.path, x0) if watched and self.filming else None
        score = partial(in_batches, self._scored(network), size=descent.slots)
        watch = None if curve is None else curve.observer(score, x0, regions)
        waited_for(x0.device)
        start = time.perf_counter()
        observe = together(watch, None if film is None else film.observe, self.observe if watched else None)
        result = project_filled(model, x0, descent, observe=observe, finished=self.finished)
        waited_for(x0.device)
        seconds = time.perf_counter() - start
        self.report.add(result, images=len(rows) if watched else 0, seconds=seconds)
        add_descent(rows, self.name, result, seconds)
        result = without_diverged(result, baseline)
        if curve is not None:
            curve.hold(score, x0, regions, result)
        if film is not None and self.filming is not None:
            film.hold(result)
            self.details["path"] = self.filming.write(film, self.name, batch.image)
        return result.x

    def _scored(self, network: Prepared) -> Callable[[Images, Images], Maps]:
        return lambda x0, x: network.scores[self.name](network.model, x0, x)

    def gather(self, device: torch.device) -> None:
        """The results of all ranks, on every rank. device: of this rank."""
        self.report.gather()
        for part in gathered(self.details):
            self.details |= part
        self.details["steps"] = self.report.histogram()
        if self.curve is not None:
            self.curve.gather(device)

    def by_iteration(self) -> dict[str, Any]:
        """For the record: the curve, the histogram of steps, and the film."""
        return {**(self.curve.values() if self.curve is not None else {}), **self.details}
