"""A training that is cut anywhere and resumed is, to the last bit, the training that was not cut."""

from __future__ import annotations

import logging
import random
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cutting import LONG, Hook, assert_equal, cut_at, lose_power, press_ctrl_c, stop, terminate, training_of
from renormal.console.held_signals import HeldSignals
from renormal.files import shown
from renormal.job.job import run_job
from renormal.lit import last_checkpoint
from renormal.lit.last_checkpoint import LastCheckpoint
from renormal.lit.module import LOWEST, WITHIN
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.weights import DIGEST
from waiting import wait_until

BATCHES = 15  # of LONG
NARROW = "model.net.width=16"
CYCLE = "{_target_: torch.optim.lr_scheduler.OneCycleLR, _partial_: true, max_lr: 1e-3}"
RECIPES = {
    "l2_ae": ["model=l2_ae", f"model.scheduler={CYCLE}", "trainer.gradient_clip_val=0.1"],
    "dsae": ["model=dsae", "category=grid"],
    "vae": ["model=vae"],
    "gamma_vae": ["model=gamma_vae", "+trainer.accumulate_grad_batches=2"],
    "repair_ae": ["model=repair_ae", "model.net.width=8"],
    "vaeac": ["model=vaeac", "model.net.width=8"],
    "anogan": ["model=anogan", NARROW],
    "f_anogan": ["model=f_anogan", NARROW, "model.net.critic_steps=2", f"model.scheduler={CYCLE}"],
    "anovaegan": ["model=anovaegan", NARROW],
    "few batches": ["model=vae", "+trainer.limit_train_batches=4"],
    "few steps": ["model=vae", "+trainer.max_steps=12"],
}


def place_of(recipe: str, epoch: int) -> int:
    """A batch within that epoch whose checkpoint is not that of its end, drawn once for each recipe."""
    each = 4 if recipe == "few batches" else 5
    return epoch * each + random.Random(f"{recipe} {epoch}").randrange(each - 1)


def cut_and_resumed(config: Any, cuts: list[tuple[int, Hook]]) -> list[list[int]]:
    """Cut a training at these batches, one call after another, then run to the end. The batches of each call."""
    calls = []
    for batch, how in cuts:
        with cut_at({batch}, how) as seen, pytest.raises((SystemExit, ValueError)):
            run_job(config)
        calls.append(seen)
        torch.manual_seed(batch)  # another process has drawn other numbers
    with cut_at(set(), lose_power) as seen:
        run_job(config)
    return [*calls, seen]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_training_that_is_interrupted_in_two_epochs_ends_as_an_undisturbed_one(
    tiny: Any, tmp_path: Path, recipe: str
) -> None:
    """Weights, optimizers, schedulers, counters, losses and curves. Each batch is trained on once."""
    common = [*LONG, *RECIPES[recipe]]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    config = tiny(*common, f"folder={tmp_path / 'cut'}")
    cuts = [(place_of(recipe, 0), press_ctrl_c), (place_of(recipe, 1), terminate)]
    calls = cut_and_resumed(config, cuts)
    assert all(calls), "each call has trained"
    assert [batch for call in calls for batch in call] == list(range(12 if recipe.startswith("few") else BATCHES))
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


@pytest.mark.parametrize("recipe", ["vae", "f_anogan"])
def test_a_training_that_is_killed_goes_on_after_its_last_checkpoint(tiny: Any, tmp_path: Path, recipe: str) -> None:
    """Whatever it did later is done again, to the same bits."""
    common = [*LONG, *RECIPES[recipe]]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    config = tiny(*common, f"folder={tmp_path / 'cut'}")
    with cut_at({7}, lose_power, save_at={1, 2, 6}), pytest.raises(RuntimeError, match="power"):
        run_job(config)
    with cut_at({9}, lose_power) as second, pytest.raises(RuntimeError, match="power"):
        run_job(config)
    with cut_at(set(), lose_power) as third:
        run_job(config)
    assert (second, third) == ([7, 8, 9], list(range(7, BATCHES)))
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


def test_a_training_that_was_stopped_early_goes_on_within_its_epoch(tiny: Any, tmp_path: Path) -> None:
    """As trainer.max_time stops it. Until then it counts as what it is."""
    common = [*LONG, "model=vae"]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    config = tiny(*common, f"folder={tmp_path / 'cut'}")
    with cut_at({7}, stop), pytest.raises(ValueError, match=r"^the training ended after 1.6 of 3 epochs, 32 of 60 im"):
        run_job(config)
    with pytest.raises(ValueError, match=r"last.ckpt has 1.6 of 3 epochs: finish that training"):
        run_job(tiny(*common, f"folder={tmp_path / 'cut'}", "stages=[test]"))
    with cut_at(set(), stop) as seen:
        run_job(config)
    assert seen == list(range(8, BATCHES))
    whole, cut = training_of(tmp_path / "whole"), training_of(tmp_path / "cut")
    cut["curves"].pop(1)  # of the part of the epoch until it was stopped
    assert_equal(cut, whole)


def without_what_came_later(folder: Path) -> dict[str, Any]:
    """The checkpoint as it was written before one could be resumed within an epoch."""
    path = folder / "checkpoints" / "last.ckpt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    for key in (WITHIN, LOWEST, DIGEST):
        content.pop(key, None)
    content["callbacks"]["ModelCheckpoint{'monitor': None, 'mode': 'min'}"] = {"best_model_path": str(path)}
    torch.save(content, path)
    return content


def test_an_older_checkpoint_of_whole_epochs_is_resumed(tiny: Any, tmp_path: Path) -> None:
    common = [*LONG, "model=vae"]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    config = tiny(*common, f"folder={tmp_path / 'cut'}")
    with cut_at({10}, lose_power), pytest.raises(RuntimeError, match="power"):
        run_job(config)
    without_what_came_later(tmp_path / "cut")
    with cut_at(set(), lose_power) as seen:
        run_job(config)
    assert seen == list(range(10, BATCHES))
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


def test_an_older_checkpoint_of_a_part_of_an_epoch_is_kept_aside(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It counted a part of an epoch as a whole one."""
    config = tiny(*LONG)
    with cut_at({10}, lose_power), pytest.raises(RuntimeError, match="power"):
        run_job(config)
    content = without_what_came_later(tmp_path / "run")
    content["callbacks"]["TrainingClock"]["images"] -= 4
    torch.save(content, tmp_path / "run" / "checkpoints" / "last.ckpt")
    run_job(config)
    assert "ends within an epoch: kept as" in caplog.text
    assert list((tmp_path / "run" / "checkpoints").glob("other-*.ckpt"))


def test_an_interrupt_is_named_with_its_images_and_its_job(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "renormal")
    config = tiny(*LONG)
    with cut_at({7}, press_ctrl_c), pytest.raises(SystemExit):
        run_job(config)
    assert f"interrupted: the same command goes on after 32 images of {shown(Path(config.folder))}" in caplog.text
    run_job(config)
    assert "going on after 32 images of" in caplog.text


def test_an_interrupted_test_says_how_it_goes_on(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "renormal")
    config = tiny()
    with monkeypatch.context() as patch:
        patch.setattr(ProjectionCallback, "on_test_batch_end", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(SystemExit) as end:
            run_job(config)
    assert end.value.code == 128 + signal.SIGTERM
    assert "interrupted: the same command begins the stage test again, with the weights that are there" in caplog.text
    run_job(config)
    assert (Path(config.folder) / "record.json").is_file()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2], ids=lambda number: number.name)
def test_a_preempted_training_is_saved_before_its_handler_is_called(tiny: Any, number: signal.Signals) -> None:
    """As submitit's handler, which requeues the job and ends the process."""
    config, found = tiny(*LONG), []

    def preempt(*_: object) -> None:
        found.append(torch.load(Path(config.folder) / "checkpoints" / "last.ckpt", weights_only=True))
        raise SystemExit(1)

    before = signal.signal(number, preempt)
    try:
        with cut_at({8}, lambda _: signal.raise_signal(number)), pytest.raises(SystemExit):
            run_job(config)
        assert signal.getsignal(number) is preempt
    finally:
        signal.signal(number, before)
    assert [content["callbacks"]["TrainingClock"]["images"] for content in found] == [9 * 4]


def test_a_handler_that_returns_lets_the_training_go_on(tiny: Any) -> None:
    """It is called once for each signal, after the batch of that signal."""
    called: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: called.append(1))
    try:
        with cut_at({3, 4, 8}, lambda _: signal.raise_signal(signal.SIGUSR1)):
            run_job(tiny(*LONG))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert called == [1, 1, 1]


class HandledError(Exception):
    pass


def handled(*_: object) -> None:
    raise HandledError


@pytest.fixture
def handlers() -> Any:
    before = {number: signal.signal(number, handled) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_second_ctrl_c_does_not_wait(handlers: None) -> None:
    signals = HeldSignals(patience=60)
    signals.hold()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(HandledError):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is handled


def test_a_signal_waits_no_longer_than_the_patience(handlers: None) -> None:
    signals = HeldSignals(patience=0.1)
    signals.hold()
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(HandledError):
        wait_until(lambda: False, "signal")  # which does not end a sleep that has begun
    assert signal.getsignal(signal.SIGTERM) is handled


def test_what_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signals = HeldSignals()
        signals.hold()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signals.release()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_checkpoints_within_an_epoch_take_a_hundredth_of_the_time_at_most(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute between two, and 3 s to write one on a slow disk: the next one comes after 300 s."""
    now, written = [0.0], list[float]()
    monkeypatch.setattr(last_checkpoint.time, "monotonic", lambda: now[0])

    class Disk:
        num_training_batches, accumulate_grad_batches, should_stop = 10**6, 1, False
        strategy = SimpleNamespace(reduce_boolean_decision=lambda due, **_: due)
        fit_loop = SimpleNamespace(total_batch_idx=0)

        def save_checkpoint(self, path: Path) -> None:
            written.append(now[0])
            now[0] += 3

    callback, trainer = LastCheckpoint(Path("last.ckpt"), minutes=1), Disk()
    monkeypatch.setattr(callback.signals, "hold", lambda: None)
    callback.on_train_start(trainer, None)  # type: ignore[arg-type]
    while now[0] < 1000:
        now[0] += 1
        callback.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
    assert written == [60, 363, 666, 969]
