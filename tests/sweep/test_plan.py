"""The plan of a sweep: a damaged one is one line, and one in another folder is not read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from mutations import changes
from renormal.files import read_json
from renormal.schema import Planned, checked
from renormal.sweep.plan import write_plan

PLAN = {"jobs": ["vae/grid/0", "vae/grid/1"], "launcher": "basic", "started": 1.5}
PLANNED = {
    "done": False,
    "settings": {"model.net.latent": "100"},
    "images": {"training": 3, "spare": 0, "test": 2},
    "contents": "0123456789abcdef",
    "files": {"/a/b.ckpt": "ab"},
}


def test_the_jobs_of_two_sweeps_stand_in_one_plan(tmp_path: Path) -> None:
    write_plan(tmp_path, ["a/b/0"], "basic")
    write_plan(tmp_path, ["a/b/1", "a/b/0"], "basic")
    assert read_json(tmp_path / "plan.json")["jobs"] == ["a/b/0", "a/b/1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("{", "Expecting"),
        ("[1]", "should be a valid dictionary"),
        ('{"jobs": 3}', "jobs: should be a valid list, got 3"),
        ('{"jobs": ["../x"]}', "jobs.0: leads out of its folder"),
        ('{"jobs": ["a"], "jobs": ["b"]}', "the key 'jobs' stands twice"),
    ],
)
def test_a_damaged_plan_is_named_with_its_mend_and_stays(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    line = f"^{tmp_path}/plan.json: .*{re.escape(reason)}.*: delete this file, it only lists the jobs$"
    with pytest.raises(ValueError, match=line):
        write_plan(tmp_path, ["a/b/0"], "basic")
    assert (tmp_path / "plan.json").read_text() == content


def test_a_pipe_in_the_place_of_a_plan_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(ValueError, match=r"plan\.json: no regular file"):
        write_plan(tmp_path, ["a/b/0"], "basic")


@given(changes(PLAN))
def test_any_change_of_a_plan_is_read_or_one_line(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content))
    try:
        write_plan(tmp_path, ["a/b/0"], "basic")
    except ValueError as error:
        line = str(error)
    else:
        assert read_json(path)["jobs"][-1] == "a/b/0"
        return
    assert re.fullmatch(f"{path}: .+", line)


@given(changes(PLANNED))
def test_any_change_of_what_is_planned_is_taken_or_one_line(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content))
    try:
        planned = checked(Planned, read_json(path), path)
    except ValueError as error:
        line = str(error)
    else:
        assert all(isinstance(value, str) for value in planned.settings.values())
        return
    assert re.fullmatch(f"{path}: .+", line)
