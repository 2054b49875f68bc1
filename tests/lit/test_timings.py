"""Seconds count the device's work, not the asking for it: here a device works only while somebody waits for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from renormal.contracts import Batch, EnergyTerms, Projection
from renormal.lit import inpaint, projection_run, training_clock
from renormal.lit.projection_run import ProjectionRun, Tiles
from renormal.lit.repairs import Damaged
from renormal.projection import Descent, Threshold, settle


class Late:
    """Five seconds of work are queued at each call of `work`; a clock reads them once they are waited for."""

    def __init__(self) -> None:
        self.now, self.queued = 0.0, 7.0  # seven seconds from before

    def work(self) -> None:
        self.queued += 5

    def wait(self, device: torch.device) -> None:
        self.now, self.queued = self.now + self.queued, 0.0

    def used_by(self, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(module, "waited_for", self.wait)


@pytest.fixture
def late() -> Late:
    return Late()


def test_of_a_projection(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    late.used_by(projection_run, monkeypatch)
    x = torch.zeros(1, 1, 4, 4)
    one = torch.zeros(1)

    def projected(*_: Any, **__: Any) -> Projection:
        late.work()
        return Projection(x, EnergyTerms(one, one, one, x), one.long(), one.long(), one)

    monkeypatch.setattr(projection_run, "project_filled", projected)
    descent = settle(Descent(stop=Threshold(value=1.0)), object(), x)
    run = ProjectionRun("eq8", descent)
    network = SimpleNamespace(descents={"eq8": descent}, model=None, scores={})
    batch = Batch(x, torch.zeros(1, 4, 4), ["good"], ["a.png"])
    run.project(network, Tiles(x, batch.regions, x), batch, [{}], watched=True)  # type: ignore[arg-type]
    assert run.report.seconds == 5


def test_of_a_repair(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    late.used_by(inpaint, monkeypatch)
    x = torch.zeros(1, 1, 4, 4)

    def way(damaged: Damaged) -> Any:
        late.work()
        return damaged.image, None

    found = inpaint.Inpaint._repaired(SimpleNamespace(), Damaged(x, x, x), {"a": way, "b": way}, lambda: None)  # type: ignore[arg-type]
    assert [one.seconds for one in found.values()] == [5, 5]


def test_of_a_training(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batches that are queued at the end of an epoch belong to it."""
    late.used_by(training_clock, monkeypatch)
    late.queued = 0
    clock, trainer, module = (
        training_clock.TrainingClock(),
        SimpleNamespace(world_size=1),
        SimpleNamespace(device="gpu"),
    )
    clock.on_train_epoch_start(trainer, module)  # type: ignore[arg-type]
    for _ in range(3):
        late.work()
        clock.on_train_batch_end(trainer, module, None, [0] * 8, 0)  # type: ignore[arg-type]
    clock.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
    assert (clock.images, clock.seconds) == (24, 15)
