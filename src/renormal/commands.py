"""The commands that are installed. A signal while their libraries load ends them as later, and not in a traceback."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from renormal.console.program import at_once_by_signals


def _of(module: str) -> Any:
    with at_once_by_signals():
        loaded = import_module(f"renormal.{module}")
    return loaded.main()


def renormal() -> Any:
    return _of("run")


def report() -> Any:
    return _of("report.cli")


def predict() -> Any:
    return _of("inspect.predict")


def view() -> Any:
    return _of("inspect.view")


def export() -> Any:
    return _of("inspect.export")


def inpaint() -> Any:
    return _of("inspect.inpaint")
