"""Any value in a stranger's record: an answer with finite numbers, or one line; never code, never another exception."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parts import draw

from renormal.inspect.export import main as export
from renormal.inspect.inspector import Inspector
from renormal.inspect.live import Asked, Live
from renormal.inspect.load import load
from renormal.inspect.photographs import photograph
from renormal.inspect.view_server import _done

PARTS = ("config", "inspection", "data", "projections", "maps")
WRONG = [None, 0, -1, 5, 1e300, 10**18, True, "", "x", "a\nb\x1b", [], [None], {}, {"a": 1}, "${oc.env:HOME}"]
EVIL = {"_target_": "os.system", "command": "exit 1"}


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node[:2]) if isinstance(node, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from places(value, (*above, key))


@pytest.fixture(scope="module")
def mine(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a finished job, whose record may be changed."""
    folder = tmp_path_factory.mktemp("stranger") / "run"
    shutil.copytree(run, folder)
    draw(folder / "part.png", seed=1)
    (folder / "whole.json").write_bytes((folder / "record.json").read_bytes())
    return folder


def with_value(folder: Path, place: tuple[Any, ...], value: Any) -> None:
    record = json.loads((folder / "whole.json").read_text())
    node = record
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = copy.deepcopy(value)
    (folder / "record.json").write_text(json.dumps(record))


def answered(folder: Path) -> tuple[str, float]:
    """The line of a refusal, and the score of an answer."""
    try:
        return "", load(folder).inspect(folder / "part.png").score
    except ValueError as error:
        return str(error), 0.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_any_value_in_a_record_is_an_answer_or_one_line(mine: Path, data: st.DataObject) -> None:
    record = json.loads((mine / "whole.json").read_text())
    place = data.draw(st.sampled_from([place for part in PARTS for place in places(record[part], (part,))]))
    with_value(mine, place, data.draw(st.sampled_from([*WRONG, EVIL])))
    line, score = answered(mine)
    assert line.isprintable()
    assert math.isfinite(score)


@pytest.mark.parametrize("value", [-1, 2, True, 1e300, "x", [None], {"a": 1}], ids=str)
def test_sizes_of_another_type_are_one_line(mine: Path, value: Any) -> None:
    with_value(mine, ("config", "data", "shrink"), value)
    line, _ = answered(mine)
    assert line
    assert line.isprintable()


@pytest.mark.parametrize("place", [("projections", "eq8", "direction"), ("score", "smooth")], ids=str)
@pytest.mark.parametrize("value", [-1, 1e300, True], ids=str)
def test_a_part_of_another_type_is_one_line_in_every_command(
    mine: Path, place: tuple[str, ...], value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with_value(mine, ("config", *place), value)
    job, given = load(mine), list[dict[str, Any]]()
    with pytest.raises(ValueError, match="its network or projection cannot run: "):
        Inspector(job, column="eq8").inspect(mine / "part.png")
    live = Live(job, column="eq8", rate=0.05)
    photo = photograph(mine / "part.png", live.frame)
    _done(lambda give: live.show(photo, Asked("eq8", {}), give), given.append)
    assert given[-1]["kind"] == "error"
    assert "cannot run: " in given[-1]["line"]
    assert export([str(mine), "--column", "eq8", "--force"]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("renormal-export: ")]
    assert line.isprintable()
