"""Long work says what it is, without a terminal too; short work says nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_sets import photographs
from renormal.console import program
from renormal.console.program import said_if_slow
from renormal.data import folder, memory
from waiting import wait_until

Slow = Callable[[], None]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Slow:
    """Work that ends when a line has been written, as every work takes too long here."""
    monkeypatch.setattr(program, "SILENCE", 0.0)
    caplog.set_level(logging.INFO)
    return lambda: wait_until(lambda: bool(caplog.messages), "line") and None


def test_work_says_once_what_it_is_when_its_time_is_over(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    with said_if_slow("counting the leaves"):
        slow()
    assert caplog.messages == ["counting the leaves …"]


def test_work_that_ends_before_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(ValueError, match="over"), said_if_slow("counting the leaves"):
        raise ValueError("over")
    assert caplog.messages == []


def test_images_that_take_long_to_read_are_counted_in_a_line(
    tmp_path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    photographs(tmp_path, *(f"good/{number}.png" for number in range(5)))
    read = memory.read_image

    def slowly(*arguments: Any, **named: Any) -> Any:
        slow()
        return read(*arguments, **named)

    source = folder(tmp_path, name="leaf")
    monkeypatch.setattr(memory, "read_image", slowly)
    memory.load_training(source, size=8, channels=1, bits=8)
    assert caplog.messages == [f"leaf: reading training images, {len(source.train)} files …"]
