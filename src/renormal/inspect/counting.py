"""What `renormal-predict` has done so far: a bar, or a line every 15 seconds where there is no terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from tqdm import tqdm

from renormal.console.text import counted

EVERY = 15.0  # seconds


class Counting:
    """Counts photographs by state. total: of all, None where nobody knows it."""

    def __init__(self, total: int | None) -> None:
        self.total, self.states, self.before = total, Counter[str](), 0
        self.bar = tqdm(total=total, unit="photograph", leave=False, disable=None, dynamic_ncols=True)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._say, daemon=True)

    def __enter__(self) -> Self:
        self.start = time.perf_counter()
        if self.bar.disable and self.total is not None:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.bar.close()

    def add(self, state: str) -> None:
        self.states[state] += 1
        self.bar.update()

    def say(self, line: str) -> None:
        """Print a line to stderr, above the bar."""
        tqdm.write(line, file=sys.stderr)

    def _say(self) -> None:
        while not self.over.wait(EVERY):
            done, spent = self.states.total(), time.perf_counter() - self.start
            print(f"{done} of {self.total} photographs, {done / spent:.3g} photographs/s", file=sys.stderr)

    @property
    def summary(self) -> str:
        """83 photographs: 57 defective, 25 good, 1 not read (20 done before)."""
        states = self.states
        unread = f", {states['unread']} not read" if states["unread"] else ""
        before = f" ({self.before} done before)" if self.before else ""
        whole = counted(states.total(), "photograph")
        return f"{whole}: {states['defective']} defective, {states['good']} good{unread}{before}"

    @property
    def code(self) -> int:
        """Of the command: 0 nothing is defective, 1 something is, 2 something could not be read."""
        return 2 if self.states["unread"] else 1 if self.states["defective"] else 0
