"""Trainings that are cut at a batch, and what of them must equal a training that was not."""

from __future__ import annotations

import csv
import math
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from renormal.lit.last_checkpoint import LastCheckpoint
from renormal.lit.module import AutoencoderModule
from renormal.lit.weights import DIGEST

LONG = ["data.epoch_images=20", "trainer.max_epochs=3", "stages=[train]"]  # 5 batches an epoch
MEASURED = {"seconds"}
Hook = Callable[[AutoencoderModule], None]


def terminate(module: AutoencoderModule) -> None:
    signal.raise_signal(signal.SIGTERM)


def press_ctrl_c(module: AutoencoderModule) -> None:
    signal.raise_signal(signal.SIGINT)


def stop(module: AutoencoderModule) -> None:
    """As trainer.max_time does, which asks Lightning to stop within an epoch."""
    module.trainer.should_stop = True


def lose_power(module: AutoencoderModule) -> None:
    raise RuntimeError("the power went")


@contextmanager
def cut_at(batches: set[int], how: Hook, *, save_at: Collection[int] = ()) -> Iterator[list[int]]:
    """While this lasts, `how` happens before the step of these batches, counted from 0 over all epochs.

    Yields the batches that were begun. save_at: batches after which the time for a checkpoint has come.
    """
    ready, seen, left = AutoencoderModule.on_train_batch_start, list[int](), set(batches)

    def cut(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> Any:
        now = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        seen.append(now)
        if now in left:
            left.remove(now)
            how(self)
        return ready(self, batch, batch_idx)

    save = LastCheckpoint.on_train_batch_end

    def at_once(self: LastCheckpoint, *arguments: Any) -> None:
        self.due = 0.0 if seen[-1] in save_at else math.inf
        save(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoencoderModule, "on_train_batch_start", cut)
        patch.setattr(LastCheckpoint, "on_train_batch_end", at_once)
        yield seen


def training_of(folder: Path) -> dict[str, Any]:
    """All that a training leaves, without times: the whole checkpoint, and the curves of all calls together."""
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    content.pop(DIGEST)  # of times, too
    content["callbacks"] = {
        name: {key: value for key, value in state.items() if key not in MEASURED}
        for name, state in content["callbacks"].items()
    }
    logs = sorted(folder.glob("log/version_*/metrics.csv"), key=lambda path: int(path.parent.name.partition("_")[2]))
    rows = [row for log in logs for row in csv.DictReader(log.read_text().splitlines())]
    curves = [{name: value for name, value in row.items() if value} for row in rows]
    return content | {"curves": curves}


def assert_equal(one: Any, other: Any, place: str = "training") -> None:
    """To the last bit, whatever is nested in whatever."""
    assert type(one) is type(other), place
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_equal(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_equal(left, right, f"{place}.{index}")
    else:
        assert one == other, place
