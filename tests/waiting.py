"""Waiting for an event. The limit guards against hanging only: on a slow machine it is far away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

HANGING = 600.0  # seconds
T = TypeVar("T")


def wait_until(happens: Callable[[], T], what: str) -> T:
    """The first answer that is true."""
    limit = time.monotonic() + HANGING
    while not (answer := happens()):
        assert time.monotonic() < limit, f"no {what} in {HANGING:.0f} seconds"
        time.sleep(0.05)
    return answer


def lives(process: int) -> bool:
    """Of Linux's /proc; what has ended may stand there as a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
