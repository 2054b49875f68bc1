"""What a job says of its progress where there is no terminal, as in a cluster's log."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
from tested import data_of, module_of

from renormal.job.job import run_job
from renormal.lit import progress
from renormal.lit.progress import Progress, duration, end_of, pause

LINE = re.compile(r"parts/0 train: (\d+) of 16 images, \S+ images/s, \d+ seconds? more, until about (\w{3} )?\d\d:\d\d")


class Asking(L.Callback):
    """Asks for a line after each batch."""

    def __init__(self, own: Progress) -> None:
        self.own = own

    def on_train_batch_end(self, *_: Any) -> None:
        self.own.say(time.perf_counter())


def test_a_line_counts_images_and_names_speed_and_end(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Of a training of 2 epochs of 8 images in batches of 4."""
    data, own = data_of(tmp_path, "bottle"), Progress("parts/0")
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        callbacks=[own, Asking(own)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with caplog.at_level(logging.INFO, "renormal"):
        trainer.fit(module_of(data), datamodule=data)
    assert [int(match[1]) for line in caplog.messages if (match := LINE.fullmatch(line))] == [4, 8, 12]
    assert any("train: all 16 images done, " in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("spent", "seconds"), [(0, 10), (100, 10), (180, 15), (600, 50), (3600, 300), (7200, 600), (86_400, 600)]
)
def test_lines_come_quickly_at_first_and_seldom_later(spent: float, seconds: float) -> None:
    assert pause(spent, counted=True) == pytest.approx(seconds)


def test_lines_that_count_nothing_come_after_twice_the_time() -> None:
    assert [pause(spent, counted=False) for spent in (0, 10, 40, 3600)] == [10, 10, 40, 600]


def test_an_hour_has_few_lines() -> None:
    moments = [10.0]
    while (following := moments[-1] + pause(moments[-1], counted=True)) < 3600:
        moments.append(following)
    assert len(moments) == 54, "12 in two minutes, then each 13/12 of the time before: 42 = ln 30 / ln (13/12)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (150, "2 minutes"), (126_720, "35 hours")],
)
def test_a_duration_has_the_unit_of_its_size(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def lines_of(caplog: pytest.LogCaptureFixture, config: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All lines of progress of a job that may say one every hundredth of a second."""
    monkeypatch.setattr(progress, "SHORTEST", 0.0)
    monkeypatch.setattr(progress, "SHARE", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    with caplog.at_level(logging.INFO, "renormal"):
        run_job(config)
    return [line for line in caplog.messages if line.startswith(f"{config.model.name}/bottle/0 ")]


def test_every_stage_of_a_job_says_lines(
    tiny: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = lines_of(caplog, tiny("progress=true"), monkeypatch)
    stages = dict.fromkeys(line.split(" ")[1] for line in said)
    assert {*stages} >= {"data:", "train:", "test:"}
    assert any("images/s" in line for line in said)
    assert any("seconds so far" in line for line in said)


def test_a_job_without_progress_says_none(
    tiny: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines_of(caplog, tiny(), monkeypatch) == []


@pytest.mark.parametrize(
    ("hours", "text"), [(1, "16:39"), (10, "Sat 01:39"), (35, "Sun 02:39"), (7 * 24, "4 Dec 15:39")]
)
def test_an_end_on_another_day_names_the_day(hours: float, text: str) -> None:
    assert end_of(3600 * hours, datetime(2026, 11, 27, 15, 39)) == text


def test_the_end_stays_between_two_counts_and_moves_only_when_a_count_is_late(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """53 images are counted every 40 seconds: the line said 2, then 4 minutes more, and nothing had changed."""
    own, clock = Progress("parts/0"), [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    own.begin("choose")
    own.unit, own.total = "image", 212
    clock[0] = 40.0
    own.finished(53)
    with caplog.at_level(logging.INFO, "renormal"):
        for now in (50, 70, 80, 90):
            own.say(now)
    said = [re.search(r"(\S+) images/s, (\d+) seconds more", line) for line in caplog.messages]
    assert [found and (found[1], int(found[2])) for found in said] == [
        ("1.32", 110),
        ("1.32", 90),
        ("1.32", 80),
        ("1.32", 80),
    ]


def test_a_line_without_a_new_count_is_seldom(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same count stood five times in the log while the time left fell."""
    own, clock = Progress("parts/0"), [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    own.terminal = False
    own.begin_counted(SimpleNamespace(is_global_zero=True), "choose", 300, "image")  # type: ignore[arg-type]
    moments = list[float]()
    with caplog.at_level(logging.INFO, "renormal"):
        for second in range(1, 161):
            clock[0] = float(second)
            if second % 45 == 0:
                own.finished(60)
            before = len(caplog.messages)
            own.tick(clock[0])
            moments += [clock[0]] * (len(caplog.messages) - before)
    own._close()
    assert moments == [10, 20, 40, 50, 90, 135]
    assert [line.split(":")[1].split(",")[0] for line in caplog.messages[3:]] == [
        f" {n} of 300 images" for n in (60, 120, 180)
    ]


def test_the_time_of_a_stage_goes_on_when_its_count_begins(caplog: pytest.LogCaptureFixture) -> None:
    own = Progress("l2_ae/bottle/0")
    own.begin("test")
    own.began -= 44.0
    own.begin_counted(SimpleNamespace(is_global_zero=True), "test", 42, "projection")  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, "renormal"):
        own.say(own.start + 11.0)
    own._close()
    assert caplog.messages == ["l2_ae/bottle/0 test: 55 seconds so far"]


def test_a_stage_whose_count_is_full_says_no_time_left(caplog: pytest.LogCaptureFixture) -> None:
    bar = Progress("l2_ae/bottle/0")
    bar.begin("test")
    bar.unit, bar.total, bar.done = "projection", 42, 42
    with caplog.at_level(logging.INFO, "renormal"):
        bar.say(bar.start + 150)
    assert caplog.messages == [
        "l2_ae/bottle/0 test: all 42 projections done, scores, pictures or a checkpoint follow, 2 minutes so far"
    ]


@pytest.mark.parametrize(("rows", "columns", "wide"), [(0, 0, 80), (30, 60, 60)])
def test_the_bar_is_drawn_also_in_a_terminal_that_says_no_size(
    rows: int, columns: int, wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new pty says 0 rows and columns, and tqdm drew nothing there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with open(theirs, "w", encoding="utf-8") as terminal:  # noqa: PTH123 a number of a file
        monkeypatch.setattr(sys, "stderr", terminal)
        bar = Progress("job")
        bar.begin_counted(SimpleNamespace(is_global_zero=True), "train", 32, "image")  # type: ignore[arg-type]
        monkeypatch.undo()
        os.set_blocking(ours, False)
        drawn = os.read(ours, 65536).decode() if select.select([ours], [], [], 1)[0] else ""
        bar._close()
    os.close(ours)
    assert "job train:   0%" in drawn
    assert wide - 2 <= len(drawn.strip()) <= wide
