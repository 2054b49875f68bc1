"""Signals that wait until they can be followed without a loss."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)  # people, clusters, submitit


class HeldSignals:
    """Holds signals back between `hold` and `release`, which then sends them to the handlers from before.

    A second Ctrl-C is sent on at once, and everything after so many seconds of `patience`. Works in the main thread;
    handlers run nowhere else.
    """

    def __init__(self, patience: float | None = None) -> None:
        self.patience = patience
        self.before: dict[int, Any] = {}
        self.came: list[int] = []
        self.alarm: threading.Timer | None = None

    def hold(self) -> None:
        """Hold signals from now on. Those that are ignored stay ignored."""
        if threading.current_thread() is threading.main_thread() and not self.before:
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            self.before = {number: one for number, one in handlers.items() if one not in (None, signal.SIG_IGN)}
            for number in self.before:
                signal.signal(number, self._keep)

    def release(self) -> None:
        """Restore the handlers, and send what came meanwhile."""
        if self.alarm is not None:
            self.alarm.cancel()
        before, came = self.before, dict.fromkeys(self.came)
        self.before, self.came, self.alarm = {}, [], None
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        late = self.alarm is not None and self.alarm.finished.is_set()
        again = number == signal.SIGINT and number in self.came
        self.came.append(number)
        if late or again:
            self.release()
        elif self.patience is not None and self.alarm is None:
            self.alarm = threading.Timer(self.patience, _thread.interrupt_main, [number])
            self.alarm.daemon = True
            self.alarm.start()


@contextmanager
def signals_held() -> Iterator[None]:
    """Signals wait for the end of the block."""
    held = HeldSignals()
    held.hold()
    try:
        yield
    finally:
        held.release()
