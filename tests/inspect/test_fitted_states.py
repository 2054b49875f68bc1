"""What a record keeps of fitted scores: any other value there is one line, and no answer."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from parts import draw

from renormal.inspect.load import load
from renormal.job.job import run_job

WHITENED = ["+score@score.parts.whitened=msgms_whitened", "score.parts.whitened.of.scales=2"]
SCORE = ["score=combined", "score.parts.msgms.scales=2", *WHITENED]
WRONG = [None, 0, -1, 1e300, True, "", "x", [], [None], {}, {"a": 1}, [[float(2**40), 1]], [[1.0, 2.0]]]
PLACES = [
    (),
    ("whitened",),
    ("whitened", "counts"),
    ("whitened", "fitted"),
    ("whitened", "fitted", "covariance"),
    ("dssim",),
]


@pytest.fixture(scope="module")
def tested(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished job with a fitted score in a fitted score."""
    folder = tmp_path_factory.mktemp("fitted") / "run"
    run_job(small("category=bottle", "projection=[eq8]", *SCORE, f"folder={folder}"))
    draw(folder / "part.png", seed=1)
    (folder / "whole.json").write_bytes((folder / "record.json").read_bytes())
    return folder


def with_state(folder: Path, place: tuple[str, ...], value: Any) -> None:
    """The record with another value at this place of the state of the column `eq8`, or of the one that it shares."""
    record = json.loads((folder / "whole.json").read_text())
    states = record["inspection"]["networks"][0]["scores"]
    node, keys = states, ("baseline", *place)
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = copy.deepcopy(value)
    (folder / "record.json").write_text(json.dumps(record))


def test_the_state_that_is_kept_answers(tested: Path) -> None:
    (tested / "record.json").write_bytes((tested / "whole.json").read_bytes())
    assert math.isfinite(load(tested).inspect(tested / "part.png").score)


@pytest.mark.parametrize("place", PLACES, ids="/".join)
@pytest.mark.parametrize("value", WRONG, ids=str)
def test_another_value_is_one_line(tested: Path, place: tuple[str, ...], value: Any) -> None:
    with_state(tested, place, value)
    said = r"(: its record does not fit its network|/record\.json: inspection\.networks\.0\.scores\.baseline): "
    with pytest.raises(ValueError, match=f"^{tested}{said}") as refused:
        load(tested).inspect(tested / "part.png")
    assert str(refused.value).isprintable()
