"""The commands that are installed. A signal while their libraries load ends them as later, and not in a traceback."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from renormal.console.program import at_once_by_signals


def _of(module: str) -> Any:
    with at_once_by_signals():
        try:
            loaded = import_module(f"renormal.{module}")
        except ValueError as error:
            if not (names := sorted(name for name in os.environ if name.startswith("TQDM_"))):  # tqdm reads them
                raise
            print(f"renormal: {', '.join(names)} in the environment: {error}: unset it", file=sys.stderr)
            raise SystemExit(2) from None
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
