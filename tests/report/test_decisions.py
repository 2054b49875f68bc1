"""The page says how a job decides on a new image: threshold, bound, number of good images, and what it promises."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deciding import SCORES, job, only_good
from made_up import chose, made_up, strip, write_made_up

from renormal.report.cli import main
from renormal.report.decide import conformal
from renormal.report.decisions import decided
from renormal.report.record import Record, read_record


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


def shades(root: Path, good: dict[str, list[float]], maps: dict[str, dict[str, float]], limit: str = "1") -> str:
    """The page of a sample whose maps end at 0.5 under f(x0) and at `limit` under the projection."""
    entry = strip(root / "vae" / "grid" / "0" / "panels", "a") | {"projection": "eq8_adam", "limit": limit}
    write_made_up(root, job(good, panels=[entry | {"baseline_limit": "0.5"}], maps=maps))
    assert main([str(root)]) == 0
    return (root / "report.html").read_text(encoding="utf-8")


PIXELS = {"baseline": {"threshold": 0.1}, "eq8_adam": {"threshold": 0.05}}
IMAGES = {"baseline": {"image_threshold": 0.4}, "eq8_adam": {"image_threshold": 0.25}}
BOTH = {name: PIXELS[name] | IMAGES[name] for name in PIXELS}
DECIDES = {"eq8_adam": SCORES, "baseline": [0.2] * 39}  # thresholds 0.38 and 0.2


@pytest.mark.parametrize(
    ("good", "maps", "limit", "first", "units", "growths", "said"),
    [
        (DECIDES, PIXELS, "1", 1.0, [0.2, 0.05], [2.0, 7.6], "The slider begins at the pixel threshold"),
        (DECIDES, PIXELS, "0.04", 1.0, [0.2, 1.0], [2.0, 7.6], "The slider begins at the pixel threshold"),
        ({}, BOTH, "1", 1.0, [0.2, 0.05], [4.0, 5.0], "The slider begins at the pixel threshold"),
        (DECIDES, BOTH, "0.5", 1.0, [0.2, 0.1], [2.0, 7.6], "brightest from the end of its scale on: 0.5."),
        (DECIDES, {}, "0.5", 0.2, [2.0, 2.0], [0.0, 0.0], "the value of the slider on, the same in all columns"),
        ({}, {}, "1", 0.4, [1.0, 1.0], [0.0, 0.0], "0.5 (VAE baseline), 1 (VAE eq8_adam)"),
        (DECIDES, {"baseline": {"threshold": 0.0}}, "1", 0.4, [1.0, 1.0], [0.0, 0.0], "this share of each scale"),
    ],
    ids=["own", "above its scale", "of the record", "one scale of all", "without pixels", "without both", "zero"],
)
def test_pixels_are_marked_from_the_thresholds_of_each_column(
    tmp_path: Path,
    good: dict[str, list[float]],
    maps: dict[str, dict[str, float]],
    limit: str,
    first: float,
    units: list[float],
    growths: list[float],
    said: str,
) -> None:
    """The slider began at the threshold of an image, which few defective pixels reach: hardly a map was to be seen."""
    text = shades(tmp_path, good, maps, limit)
    (value,) = re.findall(r'name="threshold" [^>]*value="([\d.]+)"', text)
    assert float(value) == pytest.approx(first)
    for name, numbers in (("unit", units), ("growth", growths)):
        assert [float(number) for number in re.findall(rf'data-{name}="([\d.]+)"', text)] == pytest.approx(numbers)
    assert said in text
    assert re.findall(r'class="map (m[\d-]+)"', text) == ["m1-1", "m1-2"]


def test_without_defects_the_page_begins_with_the_decision_on_good_photographs(tmp_path: Path) -> None:
    """It began with a table of dashes. The threshold is 0.38: a score of 0.38 is not above it."""
    choice = chose("grid", (0.9, 0.9), 0.80, 0.85).choice
    page = only_good(tmp_path, "path,defect,eq8_adam/score\na,good,0.5\nb,good,0.38\nc,good,0.1\n", choice=choice)
    begin, _, rest = page.partition("Settings chosen without labels")
    assert "A photograph is called defective if its score is above <b>0.38</b>." in begin
    assert (
        "At most 5 % of good images are called defective, from 39 held-out good images. The share is an average"
        in begin
    )
    assert "Of the 3 good photographs of the test 1 is called defective: a. No defect was tested." in begin
    assert not (tmp_path / "table.md").exists()
    assert "Pixel AUROC: <b>0.850</b>, where 1 is perfect. Real defects may be missed all the same." in begin
    assert "<p>grid: only good images were tested, so there is no AUROC.</p>" in begin
    table = rest.partition("</table>")[0]
    assert "<td>0.800</td><td>0.850</td><td>0.700</td>" in table
    assert "–" not in begin + table
    assert "test, as configured" not in page
    assert "Test: pixel AUROC" not in page
    assert "test, as configured" not in (tmp_path / "chosen.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("samples", "area", "said"),
    [
        (None, 1, ""),
        ("path,defect,eq8_adam/score\na,good,0.5\n", 9, ""),
        ("path,defect,baseline/score\na,good,0.5\n", 1, "samples.csv: 'eq8_adam/score'"),
        ("path,defect,eq8_adam/score\na,good,much\n", 1, "samples.csv: could not convert"),
    ],
    ids=["published", "parts of 9 pixels", "other column", "no number"],
)
def test_without_the_scores_of_the_test_nothing_is_counted(
    tmp_path: Path, samples: str | None, area: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = job({"eq8_adam": SCORES}).inspection | {"area": area}
    path = write_made_up(tmp_path, job({"eq8_adam": SCORES}, metrics={}, data={"test_good": 1, "test_defective": 0}))
    write_made_up(tmp_path, replace(read_record(path), inspection=kept))
    if samples is not None:
        (path.parent / "samples.csv").write_text(samples)
    assert main([str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "if its score is above <b>0.38</b>" in page
    assert "good photographs of the test" not in page
    assert said in capsys.readouterr().err
