"""What the tests of `renormal-view` share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renormal.job.job import run_job


@pytest.fixture(scope="session")
def run(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished job that the page shows. Nothing writes into it."""
    folder = tmp_path_factory.mktemp("viewed") / "run"
    run_job(small("category=bottle", "projection=[eq8]", f"folder={folder}"))
    return folder
