"""A training that minutes limit, or that ends where held-out images gain nothing, comes to its end in order."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cutting import assert_equal, cut_at, lose_power, press_ctrl_c, training_of
from renormal.job.job import run_job
from renormal.lit import training_length
from renormal.lit.training_length import fault_of_length
from renormal.report.record import read_record

EACH = 5  # batches of 4 images in an epoch of 20
CYCLE = "{_target_: torch.optim.lr_scheduler.OneCycleLR, _partial_: true, max_lr: 1e-3}"
COMMON = ["model=repair_ae", "model.net.width=8", f"model.scheduler={CYCLE}", "data.epoch_images=20", "stages=[train]"]
LIMITED = [*COMMON, "trainer.max_epochs=50", "minutes=0.02"]  # 1.2 s; 1.14 s of them are planned


def machine(monkeypatch: pytest.MonkeyPatch, *, speed: float, clock: Callable[[], float] = lambda: 0.0) -> None:
    """A machine that seems to train so many images a second, whose clock says what `clock` returns."""
    monkeypatch.setattr(training_length, "images_per_second", lambda work, seconds: speed)
    monkeypatch.setattr(training_length, "time", SimpleNamespace(perf_counter=clock))


def rates(folder: Path) -> tuple[float, int]:
    """The learning rate at the end, and the step of the schedule."""
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content["optimizer_states"][0]["param_groups"][0]["lr"], content["lr_schedulers"][0]["last_epoch"]


def test_the_speed_of_the_machine_decides_how_many_epochs_there_are(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """100 images/s: 1.14 s are 5 epochs of 0.2 s. The learning rate comes to its end with the last one."""
    caplog.set_level("INFO", "renormal")
    machine(monkeypatch, speed=100)
    with cut_at(set(), lose_power) as seen:
        run_job(tiny(*LIMITED))
    assert len(seen) == 5 * EACH
    assert "at most 0.02 minutes on this machine, about 100 images (5 × 20) at 100 images/s" in caplog.text
    assert (
        "100 images are few for a training (planned; a photograph counts as often as it is seen), and the"
        in caplog.text
    )
    rate, step = rates(tmp_path / "run")
    assert (rate < 2e-5, step) == (True, 5 * EACH)


def test_one_minute_is_no_plural(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "renormal"):
        training_length.TrainingLength(minutes=1)._say(4, 4, 1000, 10.0, 100.0)
    assert caplog.messages[0].startswith("training: at most 1 minute on this machine, about 4000 images")


@pytest.mark.parametrize(("earlier", "said"), [(9_899.0, "9899 + 100 images are few"), (9_900.0, "")])
def test_the_images_of_the_training_before_count_as_seen(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, earlier: float, said: str
) -> None:
    machine(monkeypatch, speed=100)
    monkeypatch.setattr("renormal.job.job.images_before", lambda config: {"images_before": earlier})
    run_job(tiny(*LIMITED, "stages=[train]"))
    assert said in caplog.text
    assert ("images are few for a training" in caplog.text) is bool(said)


@pytest.mark.parametrize(("speed", "epochs", "batches"), [(40, 5, 2), (16, 4, 1), (10, 2, 1)])
def test_a_slow_machine_has_shorter_epochs(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float, epochs: int, batches: int
) -> None:
    """Of 1.14 s. A whole epoch takes 0.5, 1.25 or 2 s, and was trained to its end."""
    machine(monkeypatch, speed=speed)
    with cut_at(set(), lose_power) as seen:
        run_job(tiny(*LIMITED, "stages=[train,test]"))
    assert len(seen) == epochs * batches
    record = read_record(tmp_path / "run" / "record.json")
    assert (record.training["epochs"], record.training["images"]) == (epochs, 4 * epochs * batches)
    assert rates(tmp_path / "run")[1] == epochs * batches


@pytest.mark.parametrize(("speed", "batches"), [(1e9, 3 * EACH), (0.001, 1)])
def test_max_epochs_is_the_most_and_one_batch_the_least(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, speed: float, batches: int
) -> None:
    machine(monkeypatch, speed=speed)
    with cut_at(set(), lose_power) as seen:
        run_job(tiny(*LIMITED, "trainer.max_epochs=3"))
    assert len(seen) == batches
    assert ("one epoch of 4 images takes about 67 minutes on this machine" in caplog.text) == (speed < 1)
    assert ("4 images are few for a training" in caplog.text) == (speed < 1)


@pytest.mark.parametrize(("threads", "hinted"), [(1, 0), (2, 2)])
def test_one_thread_is_advised_where_there_are_more(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, threads: int, hinted: int
) -> None:
    machine(monkeypatch, speed=0.001)
    monkeypatch.setattr(training_length.torch, "get_num_threads", lambda: threads)
    run_job(tiny(*LIMITED, "trainer.max_epochs=3"))
    assert sum("threads=1 helps where other programs use the cores" in line for line in caplog.messages) == hinted


def test_a_training_goes_on_with_its_plan_on_a_machine_of_another_speed(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, speed=60)  # 4 epochs of 4 batches, which the checkpoint holds
    run_job(tiny(*LIMITED, f"folder={tmp_path / 'whole'}"))
    config = tiny(*LIMITED, f"folder={tmp_path / 'cut'}")
    with cut_at({7}, press_ctrl_c), pytest.raises(SystemExit):
        run_job(config)
    machine(monkeypatch, speed=1000)
    with cut_at(set(), lose_power) as seen:
        run_job(config)
    assert seen == list(range(8, 16))
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


def test_a_training_that_becomes_slower_ends_within_its_minutes(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Planned: 9 epochs of 0.12 s. A batch takes 0.048 s, an epoch 0.24 s: after the second, 2 more fit into 1.14 s."""
    with cut_at(set(), lose_power) as seen:
        machine(monkeypatch, speed=20 / 0.12, clock=lambda: 0.048 * len(seen))
        run_job(tiny(*LIMITED))
    assert len(seen) == 4 * EACH
    assert "has become slower: it ends after 4 of 9 epochs" in caplog.text
    rate, step = rates(tmp_path / "run")
    assert (rate < 2e-5, step) == (True, 9 * EACH)


def test_one_slow_epoch_at_the_start_shortens_no_training(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first of 9 epochs takes 0.2 s, each other one 0.06: at the speed of the first alone, 5 would fit."""
    with cut_at(set(), lose_power) as seen:
        machine(
            monkeypatch, speed=20 / 0.12, clock=lambda: 0.04 * min(len(seen), EACH) + 0.012 * max(0, len(seen) - EACH)
        )
        run_job(tiny(*LIMITED))
    assert len(seen) == 9 * EACH
    assert "slower" not in caplog.text


def test_the_rest_of_the_schedule_of_a_shortened_training_is_passed_evenly(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """35 steps of the schedule in 10 of the optimizer, and no jump."""
    steps: list[int] = []

    def note(self: Any, trainer: Any, *arguments: Any) -> None:
        after(self, trainer, *arguments)
        steps.append(trainer.lr_scheduler_configs[0].scheduler.last_epoch)

    after = training_length.TrainingLength.on_train_batch_end
    monkeypatch.setattr(training_length.TrainingLength, "on_train_batch_end", note)
    with cut_at(set(), lose_power) as seen:
        machine(monkeypatch, speed=20 / 0.12, clock=lambda: 0.048 * len(seen))
        run_job(tiny(*LIMITED))
    assert steps[: 2 * EACH] == [*range(1, 2 * EACH + 1)]
    assert {later - step for step, later in pairwise(steps[2 * EACH - 1 :])} == {3, 4}
    assert steps[-1] == 9 * EACH


SETTLED = [*COMMON, "trainer.max_epochs=10", "patience=0.3", "choose.holdout=3", "stages=[train,test]"]


def test_a_training_ends_where_held_out_images_gain_nothing(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lowest after the second epoch. Three epochs later the rate comes down in one more, and the test begins."""
    caplog.set_level("INFO", "renormal")
    losses = iter([3.0, 2.0, 1.99, 2.0, 2.5, 2.0])
    monkeypatch.setattr(training_length, "held_out_training_loss", lambda work: next(losses))
    with cut_at(set(), lose_power) as seen:
        run_job(tiny(*SETTLED))
    assert len(seen) == 6 * EACH
    assert "has not fallen since epoch 2: the training ends after 6 of 10 epochs" in caplog.text
    rate, step = rates(tmp_path / "run")
    assert (rate < 2e-5, step) == (True, 10 * EACH)
    record = read_record(tmp_path / "run" / "record.json")
    assert (record.training["epochs"], record.training["planned_epochs"]) == (6, 10)
    assert record.training["ended_by_held_out_loss"] == 1
    assert record.training["held_out_training_loss"] == 2.0
    assert record.metrics
    run_job(tiny(*SETTLED))
    assert "already has the record of this config" in caplog.text


def test_an_early_end_is_the_same_after_an_interrupt(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end was decided after the fourth epoch; the fifth, in which the rate comes down, is interrupted."""
    monkeypatch.setattr(training_length, "held_out_training_loss", lambda work: 1.0)
    common = [*SETTLED, "stages=[train]"]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    config = tiny(*common, f"folder={tmp_path / 'cut'}")
    for batch in (1, 4 * EACH + 2):
        with cut_at({batch}, press_ctrl_c), pytest.raises(SystemExit):
            run_job(config)
    with cut_at(set(), lose_power) as seen:
        run_job(config)
    assert seen == list(range(4 * EACH + 3, 5 * EACH))
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


def test_weights_of_a_training_that_ended_early_are_tested(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their epochs are those of their plan, not those of the config."""
    monkeypatch.setattr(training_length, "held_out_training_loss", lambda work: 1.0)
    run_job(tiny(*SETTLED, "stages=[train]"))
    run_job(tiny(*SETTLED, "stages=[test]"))


def test_the_loss_of_held_out_images_is_measured_on_the_same_damage_and_disturbs_nothing(
    tiny: Any, tmp_path: Path
) -> None:
    """Epoch by epoch another number, and the weights of a training without it."""
    held = ["trainer.max_epochs=3", "choose.holdout=3"]
    run_job(tiny(*COMMON, *held, f"folder={tmp_path / 'plain'}"))
    run_job(tiny(*COMMON, *held, "patience=0.9", f"folder={tmp_path / 'watched'}"))
    plain, watched = (training_of(tmp_path / name) for name in ("plain", "watched"))
    assert_equal(watched["state_dict"], plain["state_dict"])
    assert "TrainingLength" not in plain["callbacks"]
    losses = [float(row["held_out/loss"]) for row in watched["curves"] if "held_out/loss" in row]
    assert len(set(losses)) == 3
    assert losses[2] < losses[0]


def test_measuring_the_speed_leaves_the_training_as_it_is(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(*COMMON, "trainer.max_epochs=2", f"folder={tmp_path / 'plain'}"))
    run_job(tiny(*COMMON, "trainer.max_epochs=2", "minutes=60", f"folder={tmp_path / 'timed'}"))
    plain, timed = (training_of(tmp_path / name)["state_dict"] for name in ("plain", "timed"))
    assert_equal(timed, plain)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model=anogan", "stages=[train]", "minutes=1"], "for a network with one loss: give trainer.max_epochs alone"),
        (["minutes=1", "+trainer.max_steps=10"], "minutes= ends a training of whole epochs"),
        (["patience=0.5", "trainer.max_epochs=-1", "+trainer.max_steps=10"], "patience= ends a training of whole"),
        (["minutes=1", "+trainer.max_time=00:01:00:00"], "minutes= and trainer.max_time=.* both end the training"),
    ],
)
def test_what_cannot_be_limited_is_refused_before_the_work(tiny: Any, overrides: list[str], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        run_job(tiny(*overrides))


GOOD = {"planned": 9, "epochs": 5, "step": 10, "position": 10, "seconds": 1.0, "loss": math.inf, "lowest": math.inf}
GOOD |= {"since": 0, "slower": False, "settled": False}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"images": 8}, None),
        ({"images": -8}, "images is negative"),
        ({"epochs": 10}, "outside of the plan"),
        ({"epochs": 0}, "outside of the plan"),
        ({"planned": "9"}, "planned is no int"),
        ({"slower": 1}, "slower is no bool"),
        ({"seconds": math.nan}, "seconds is negative or no number"),
        ({"step": -1}, "step is negative"),
        ({"more": 1}, "has other parts"),
    ],
)
def test_a_strangers_plan_is_checked(change: dict[str, Any], fault: str | None) -> None:
    found = fault_of_length(GOOD | change)
    assert found is None if fault is None else fault in str(found)
