"""The page says how a job decides on a new image: threshold, bound, number of good images, and what it promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, strip, write_made_up

from renormal.report.cli import main
from renormal.report.decide import conformal
from renormal.report.decisions import decided
from renormal.report.record import Record

SCORES = [0.01 * place for place in range(1, 40)]  # 39: the 38th is the threshold of 5 %


def job(good: dict[str, list[float]], **changes: Any) -> Record:
    """held_out: in the record, unless it is None."""
    kept = changes.pop("held_out", True)
    view = {"mirror": False, "turns": 0}
    parts = {"networks": [{"descents": {}, "scores": {}}], "views": [view], "tiles": 1, "good": good}
    config = changes.pop("config", {}) | {"projections": {"eq8_adam": {}}}
    return made_up(inspection=parts | ({} if kept is None else {"held_out": kept}), config=config, **changes)


def test_the_threshold_is_the_conformal_quantile() -> None:
    found = decided(job({"baseline": SCORES, "eq8_adam": SCORES[:3]}, maps={"baseline": {"planted_auroc": 0.9}}))
    assert found is not None
    assert found.column == "baseline"
    assert found.own.threshold == pytest.approx(0.38)
    assert {name: (one.good, one.rate) for name, one in found.every.items()} == {
        "baseline": (39, 0.05),
        "eq8_adam": (3, 0.25),
    }
    assert "Scores of 39 good images" in found.chart


def test_the_scale_of_small_scores_has_other_numbers_than_zero() -> None:
    found = decided(job({"baseline": [score / 100 for score in SCORES]}, maps={"baseline": {"planted_auroc": 0.9}}))
    assert found is not None
    numbers = [float(one) for one in re.findall(r">([\d.]+)</text>", found.chart)]
    assert max(numbers) == pytest.approx(0.004)
    assert len(numbers) == len(set(numbers)) > 3


@pytest.mark.parametrize(
    ("columns", "maps", "column"),
    [
        (["baseline", "eq8_adam", "chosen"], {"baseline": 0.9}, "chosen"),
        (["baseline", "eq8_adam"], {"baseline": 0.7, "eq8_adam": 0.8}, "eq8_adam"),
        (["baseline", "eq8_adam"], {}, "eq8_adam"),
        (["baseline"], {}, "baseline"),
    ],
)
def test_the_column_is_that_of_renormal_predict(columns: list[str], maps: dict[str, float], column: str) -> None:
    planted = {name: {"planted_auroc": value} for name, value in maps.items()}
    found = decided(job(dict.fromkeys(columns, SCORES), maps=planted))
    assert found is not None
    assert found.column == column


@pytest.mark.parametrize("record", [made_up(), job({}), job({"baseline": []})], ids=["old", "none", "empty"])
def test_without_scores_of_good_images_there_is_no_decision(record: Record) -> None:
    assert decided(record) is None


@pytest.mark.parametrize(
    ("kept", "config", "promised"),
    [
        (True, {}, True),
        (False, {"test": {"holdout": 5}}, False),
        (None, {"test": {"holdout": 5}}, True),
        (None, {"choose": {"holdout": 10}}, True),
        (None, {"test": {"holdout": 0}, "choose": {}}, False),
        (None, {"test": [1]}, False),
    ],
)
def test_nothing_is_promised_from_images_that_were_trained_on(
    kept: bool | None, config: dict[str, Any], promised: bool
) -> None:
    found = decided(job({"baseline": SCORES}, held_out=kept, config=config))
    assert found is not None
    assert ("at most 5 % of good images" in found.own.line) is promised
    assert ("nothing is promised" in found.own.line) is not promised


@pytest.mark.parametrize(("count", "said"), [(1, "from 1 held-out good image;"), (2, "from 2 held-out good images;")])
def test_the_promise_counts_its_images(count: int, said: str) -> None:
    assert said in conformal(SCORES[:count]).line


def test_the_page_shows_it(tmp_path: Path) -> None:
    write_made_up(tmp_path, job({"eq8_adam": SCORES, "baseline": SCORES[:4]}))
    assert main([str(tmp_path)]) == 0
    text = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    words = (
        "if its score in the column eq8_adam is above 0.38: at most 5 % of good images are called defective, from 39"
    )
    assert words in text
    assert "<td>baseline</td><td>0.04</td><td>0.05</td><td>0.2</td><td>4</td>" in text


@pytest.mark.parametrize(
    ("limit", "decision", "position", "decides"),
    [("1", 0.38, 0.38, True), ("0.2", 0.38, 1.0, True), ("0.5", 0.38, 0.2, False), ("1", None, 0.4, False)],
    ids=["own scale", "above its scale", "one scale of all", "no decision"],
)
def test_the_maps_of_the_page_begin_at_the_decision(
    tmp_path: Path, limit: str, decision: float | None, position: float, decides: bool
) -> None:
    """A good photograph below the threshold of renormal-predict showed a bright map. The limit of f(x0) is 0.5."""
    panels = tmp_path / "vae" / "grid" / "0" / "panels"
    entry = strip(panels, "a") | {"projection": "eq8_adam", "limit": limit, "baseline_limit": "0.5"}
    write_made_up(tmp_path, job({"eq8_adam": SCORES} if decision else {}, panels=[entry]))
    assert main([str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    (value,) = re.findall(r'name="threshold" [^>]*value="([\d.]+)"', text)
    assert float(value) == pytest.approx(position)
    assert ("begins at that of renormal-predict in the column eq8_adam" in text) is decides
