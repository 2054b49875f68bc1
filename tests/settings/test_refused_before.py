"""A command with wrong settings ends in a line for each, and nothing is written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from preloaded import python
from renormal.job.settings import unfound

A_NAME = "must be a name, not a path: printable, without . or .. as a part, without / at its ends"
NO_PATH = "give no . or .. as a part and no / at the ends"


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
            ["model.net._target_=nowhere.net.Net", "-m", "seed=0,1"],
            [
                "renormal: nowhere is not on Python's path, and model.net asks for nowhere.net.Net: "
                "add its folder, PYTHONPATH=/folder/that/holds/nowhere"
            ],
        ),
        (["name=../x"], [f"renormal: name=../x: {A_NAME}"]),
        (["model.name=/tmp/x", "-m", "seed=0,1"], [f"renormal: model.name=/tmp/x: {A_NAME}"]),
        (["category=.."], [f"renormal: category=..: {A_NAME}"]),
        (["logger.csv.name=../x"], [f"renormal: logger.csv.name=../x: {A_NAME}; empty: none"]),
        (
            ["-m", "seed=0,1", "hydra.sweep.subdir=../${seed}"],
            [f"renormal: hydra.sweep.subdir=../0: a job lies in the folder of its sweep, {NO_PATH}"],
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
    assert end.returncode == 2
    assert end.stderr.splitlines() == lines
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [before]


def test_the_object_that_a_getter_names_is_looked_for_and_no_other_path_is() -> None:
    getter = {"_target_": "hydra.utils.get_method", "path": "nowhere.change"}
    line = (
        "nowhere is not on Python's path, and parts.0 asks for nowhere.change: .* PYTHONPATH=/folder/that/holds/nowhere"
    )
    (found,) = unfound({"parts": [getter, {**getter, "path": "renormal.none"}], "path": "nowhere.csv"})
    assert re.fullmatch(line, found)
