"""What tests of several files of sweeps share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster that keeps the script of the last job array. Returns the path of that script."""
    script, programs = tmp_path / "submitted.sh", tmp_path / "programs"
    programs.mkdir()
    for name in ("srun", "squeue"):
        (programs / name).write_text("#!/bin/sh\nexit 0\n")
    (programs / "sbatch").write_text(f'#!/bin/sh\ncp "$1" {script}; echo "Submitted batch job 4711"\n')
    for path in programs.iterdir():
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{Path(shutil.which('cp') or '').parent}")
    return script
