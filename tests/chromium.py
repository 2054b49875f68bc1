"""A headless Chromium of this machine for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def needed() -> Any:
    """playwright. Skips the whole module where it or Chromium is not here."""
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium", allow_module_level=True)
    return pytest.importorskip("playwright.sync_api", reason="playwright drives Chromium: pip install -e .[dev]")


@contextmanager
def launched(playwright: Any) -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
