"""A command with wrong settings ends in a line for each, and nothing is written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from preloaded import python


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["trainer.gradient_clip_val=-1", "+trainer.max_epoch=3"],
            [
                "renormal: trainer.gradient_clip_val=-1: must be a number ≥ 0, or null (no clipping)",
                "renormal: trainer.max_epoch does not exist: trainer.max_epochs was meant?",
            ],
        ),
        (
            ["-m", "seed=0,1", "test.limit=nan"],
            ["renormal: test.limit=nan: must be finite"],
        ),
        (
            ["data=folder", "category=bottle"],
            ["renormal: category is not a setting of data=folder: its results are named by data.category"],
        ),
    ],
)
def test_nothing_is_written_for_settings_that_no_job_can_have(
    tmp_path: Path, arguments: list[str], lines: list[str]
) -> None:
    before = tmp_path / "outputs" / "try" / "l2_ae" / "bottle" / "0" / "record.json"
    before.parent.mkdir(parents=True)
    before.write_text("{}")
    command = [python(), "-m", "renormal.run", *arguments]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert end.returncode in (1, 2)
    assert end.stderr.splitlines() == lines
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [before]
