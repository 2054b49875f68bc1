"""The progress of a job: all images of all epochs, planted images, then all projections of all samples."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import lightning as L
from torch import Tensor
from tqdm import tqdm

from renormal.console.text import counted
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule

LINE = "%s: %d of %d %ss, %.3g %ss/s, %s more, until about %s"
UNCOUNTED = "%s: %s so far"
COUNTED = "%s: all %ss done, scores, pictures or a checkpoint follow, %s so far"  # which are not counted
EVERY = 1.0  # second: how often the thread looks at the clock, ours
IN_TERMINAL = 60.0  # seconds to the one line that goes with a bar, ours
SHORTEST, LONGEST, SHARE = 10.0, 600.0, 1 / 12  # seconds between two lines; share of a stage's time so far, ours
DAY = 24 * 3600  # seconds
SIZE = 80, 24  # columns and rows of a terminal that does not say them
log = logging.getLogger("renormal")


class Progress(L.Callback):
    """A bar with images done, images per second and the time left; without a terminal lines of the log instead.

    The lines come from a thread of their own: first every SHORTEST seconds, later less often, and seldom while nothing
    is counted. With a bar there is one, for the log. name: of the job. line: of the screen; jobs that run at the same
    time have one line each.
    """

    def __init__(self, name: str, *, line: int = 0, enabled: bool = True) -> None:
        self.name, self.line, self.enabled = name, line, enabled
        self.bar: tqdm[Any] | None = None
        self.title = self.unit = ""
        self.began = self.start = 0.0  # of the stage, of what is counted
        self.due = self.idle = 0.0  # of the next line: if something was counted since the last one, if nothing was
        self.total = self.done = self.initial = 0
        self.said = self.last = 0  # done when the last line was said; units of the last count
        self.counted = 0.0  # when it was
        self.losses: dict[str, Tensor] = {}  # of the last epoch that had them
        self.terminal = sys.stderr.isatty()

    def begin(self, stage: str) -> None:
        """A stage begins, of which nothing is counted yet."""
        self.title, self.total, self.start = f"{self.name} {stage}", 0, time.perf_counter()
        self.began = self.start
        self.due = self.idle = self.start + (IN_TERMINAL if self.terminal else SHORTEST)

    @contextmanager
    def lines(self) -> Iterator[None]:
        """During the block a thread writes the lines."""
        over = threading.Event()
        thread = threading.Thread(target=self._write_lines, args=(over,), daemon=True)
        if self.enabled:
            thread.start()
        try:
            yield
        finally:
            over.set()

    def _write_lines(self, over: threading.Event) -> None:
        while not over.wait(EVERY):
            self.tick(time.perf_counter())

    def tick(self, now: float) -> None:
        """Say a line if one is due."""
        done = self.done
        if now < (self.idle if done == self.said else self.due):
            return
        self.say(now)
        self.said, spent = done, now - self.start
        self.due, self.idle = (
            math.inf if self.terminal else now + pause(spent, counted=counted) for counted in (True, False)
        )

    def say(self, now: float) -> None:
        """One line of the log: what the stage has done, the speed until its last count, and its end at that speed."""
        spent, done, total = now - self.start, self.done, self.total
        if not total or done <= self.initial:
            log.info(UNCOUNTED, self.title, duration(now - self.began))
            return
        if done >= total:
            log.info(COUNTED, self.title, f"{total} {self.unit}", duration(now - self.began))
            return
        since = now - self.counted  # where many are counted at once, the end must not move until the next count
        rate = (done - self.initial) / (spent - since)
        left = (total - done) / rate - min(since, self.last / rate)
        log.info(
            LINE, self.title, done, total, self.unit, rate, self.unit, duration(left), end_of(left, datetime.now())
        )

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        each = _images_a_batch(trainer)
        loop = trainer.fit_loop
        done = trainer.current_epoch * int(trainer.num_training_batches)  # in batches; one batch may have several steps
        done += loop.batch_idx + 1 if loop.restarted_mid_epoch else 0
        self._open("train", int(trainer.estimated_stepping_batches) * each, done * each, trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._count(_images_a_batch(trainer))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.total:  # a training may be shortened
            self.total = int(trainer.estimated_stepping_batches) * _images_a_batch(trainer)
        if self.bar is not None:
            self.bar.total = self.total
        if not isinstance(pl_module, AutoencoderModule):
            return
        self.losses |= pl_module.epoch_means()  # `|=`: the losses of some players end earlier
        losses = {noun: self.losses.get(f"train/{noun}") for noun in pl_module.objectives}
        said = [f"{noun} {loss.item():.4g}" for noun, loss in losses.items() if loss is not None]
        if self.bar is not None and said:
            self.bar.set_postfix_str(", ".join(said))

    def begin_counted(self, trainer: L.Trainer, stage: str, total: int, unit: str) -> None:
        """Open the bar of a stage that calls `finished`. total: of this rank."""
        self._open(stage, total, 0, trainer, unit)

    def finished(self, units: int) -> None:
        """Count what has just ended."""
        self._count(units)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _count(self, units: int) -> None:
        self.done += units
        self.last, self.counted = units, time.perf_counter()
        if self.bar is not None:
            self.bar.update(units)

    def _open(self, stage: str, total: int, done: int, trainer: L.Trainer, unit: str = "image") -> None:
        if self.enabled and trainer.is_global_zero:
            self._close()
            before, began = self.title, self.began
            self.begin(stage)
            if self.title == before:  # a stage whose count begins now has begun before
                self.began = began
            self.unit, self.done, self.initial, self.said, self.total = unit, done, done, done, total
            self.bar = tqdm(
                desc=self.title,
                total=total,
                initial=done,
                unit=unit,
                position=self.line,
                leave=False,
                disable=None,  # where stderr is no terminal
                **size_of_bar(),
            )


def size_of_bar() -> dict[str, Any]:
    """Arguments of tqdm. In a terminal of size 0, as a new pty has it, tqdm would draw nothing: it is given a size."""
    try:
        known = all(os.get_terminal_size(sys.stderr.fileno()))
    except (OSError, ValueError):  # no terminal: no bar
        known = True
    return {"dynamic_ncols": True} if known else dict(zip(("ncols", "nrows"), SIZE, strict=True))


def pause(spent: float, *, counted: bool) -> float:
    """Seconds to the next line, by the seconds that the stage has taken. Lines that count nothing come seldom."""
    return min(LONGEST, max(SHORTEST, (SHARE if counted else 1) * spent))


def duration(seconds: float) -> str:
    each, noun = (1, "second") if seconds < 120 else (60, "minute") if seconds < DAY else (3600, "hour")
    return counted(round(seconds / each), noun)


def end_of(seconds: float, now: datetime) -> str:
    """When it ends: 17:40; on another day Sat 02:39; in a week or later 30 Nov 02:39."""
    end = now + timedelta(seconds=seconds)
    days = (end.date() - now.date()).days
    return end.strftime("%H:%M" if not days else "%a %H:%M" if days < 7 else "%-d %b %H:%M")


def _images_a_batch(trainer: L.Trainer) -> int:
    data = trainer.datamodule  # type: ignore[attr-defined]
    return data.batch_size * trainer.world_size if isinstance(data, SourceData) else 1
