"""The page of predictions: sentences, order, pictures, and what it does with lines and files of somebody else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from parts import draw, predict
from PIL import Image

from renormal.inspect import shown
from renormal.inspect.inputs import PAGE, SETTINGS, Part
from renormal.inspect.joined import join
from renormal.inspect.predict import main
from renormal.inspect.predictions import Predictions
from renormal.job.job import run_job

ABOUT = {
    "folder": "/line/outputs/i/ae/parts/0",
    "job": "i/ae/parts/0",
    "trained": "2026-01-31",
    "promise": ["At most 5 %."],
    "doubts": ["Few <images>"],
}
OURS = {"column": "eq8", "root": "", "threshold": 2.0, "about": ABOUT}


def line(name: str, score: float, **more: Any) -> dict[str, Any]:
    size = {"width": 40, "height": 30}
    return {"image": name, "score": score, "threshold": 2.0, "defective": score > 2, "defects": [], **size, **more}


def page_of(out: Path, lines: list[dict[str, Any]], settings: dict[str, Any] = OURS) -> str:
    """The page that --join writes of these lines."""
    found = Predictions(out, settings, Part(), force=True)
    found.add(lines)
    found.close()
    main(["--join", str(out)])
    return (out / PAGE).read_text(encoding="utf-8")


def test_the_defective_ones_come_first_then_the_near_ones_and_what_was_not_judged(tmp_path: Path) -> None:
    lines = [
        line("good.png", 0.5),
        line("near.png", 1.92, note="grey: its score says little"),
        line("low.png", 1.88),
        line("weak.png", 2.002),
        line("strong.png", 5.0, overlay="overlays/strong.png"),
        {"image": "a/broken.png", "error": "/home/me/line/a/broken.png: truncated"},
    ]
    draw(tmp_path / "day 1" / "overlays" / "strong.png", seed=1, size=(600, 800))
    page = page_of(tmp_path / "day 1", lines)
    assert "<title>day 1</title>" in page
    assert "<b>2 of 5</b> photographs are called defective." in page
    assert "1 more is close to the threshold and called good. 1 file was not judged." in page
    shown = (
        "strong.png</b>2.50 ×",
        "weak.png</b>1.001 ×",
        "near.png</b>0.96 ×",
        "<li>a/broken.png: truncated",
        "low.png</b>0.94",
    )
    places = [page.index(text) for text in (*shown, "good.png</b>0.25")]
    assert places == sorted(places)
    assert "/home/me" not in page
    for text in ("i/ae/parts/0", "2026-01-31", "At most 5 %.", "1 of 5 photographs: grey: its score says little"):
        assert text in page
    assert page.count("Few &lt;images&gt;") == 1
    assert 'width="480" height="360"' in page
    assert page.count("<img") == page.count('src="data:image/webp;base64,') == 1


def test_names_are_text_and_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>.png", '"><img src=x onerror=a>.png', "a\n\x1b[31m.png", "lone\udcff.png"]
    page = page_of(tmp_path / "<b>out", [line(name, 3.0, note="<i>") for name in names])
    assert not re.search(r"<script|<img|<i>|\x1b|onerror=a>\.png\"", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.png" in page
    assert "<title>&lt;b&gt;out</title>" in page
    assert "a\\n\\x1b[31m.png" in page
    assert "default-src 'none'; img-src data:" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|@import", page)


def test_many_photographs_are_counted_and_the_highest_scores_are_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, [line(f"{number:03}.png", 3.0 + number) for number in range(75)])
    assert "<b>75 of 75</b>" in page
    assert "15 more with lower scores are left out here." in page
    assert page.count("<figure>") == 60
    assert "074.png" in page
    assert "014.png" not in page
    assert "60 of these have no picture" in page


def test_pictures_end_with_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        draw(tmp_path / "overlays" / f"{name}.png", seed=1)
    monkeypatch.setattr(shown, "BUDGET", 1)
    page = page_of(tmp_path, [line(f"{name}.png", 3.0, overlay=f"overlays/{name}.png") for name in ("a", "b")])
    assert page.count("<img") == 1
    assert "1 of these has no picture" in page


def test_a_picture_outside_of_the_folder_is_not_embedded(tmp_path: Path) -> None:
    """A folder of somebody else may have a link to any picture of its reader."""
    secret, out = draw(tmp_path / "secret.png", seed=1), tmp_path / "out"
    (out / "overlays").mkdir(parents=True)
    (out / "overlays" / "1.png").symlink_to(secret)
    page = page_of(out, [line("1.png", 3.0, overlay="overlays/1.png"), line("2.png", 4.0, overlay="overlays/2.png")])
    assert "<img" not in page
    assert page.count("no picture</p>") == 2


def test_a_link_at_the_page_is_replaced_and_a_folder_is_named(tmp_path: Path, capsys: Any) -> None:
    target, out = tmp_path / "mine.html", tmp_path / "out"
    target.write_text("mine")
    out.mkdir()
    (out / PAGE).symlink_to(target)
    assert "1 of 1" in page_of(out, [line("1.png", 3.0)])
    assert (target.read_text(), (out / PAGE).is_symlink()) == ("mine", False)
    (out / PAGE).unlink()
    (out / PAGE).mkdir()
    assert main(["--join", str(out)]) == 2
    assert f"{out / PAGE} is no regular file" in capsys.readouterr().err


@pytest.mark.parametrize("about", [None, 5, {"promise": 5, "job": ["x"], "doubts": [1, "whole"]}, {"promise": "text"}])
def test_settings_of_somebody_else_or_of_before_leave_out_what_they_do_not_say(tmp_path: Path, about: Any) -> None:
    page = page_of(tmp_path, [line("1.png", 1.0)], OURS | {"about": about})
    assert "<b>None of 1</b> photograph is called defective." in page
    assert "What it promises" not in page
    assert ("<li>whole</li>" in page) is (isinstance(about, dict) and "doubts" in about)


def test_without_a_photograph_that_was_judged_nothing_is_called_good(tmp_path: Path) -> None:
    page = page_of(tmp_path, [{"image": "1.png", "error": "1.png: damaged"}])
    assert "<b>No photograph</b> could be judged." in page
    assert "is called defective" not in page


def test_several_jobs_together_show_p_the_smallest_first(tmp_path: Path) -> None:
    lines = [line("a.png", 9.0, p=0.04), line("b.png", 3.0, p=0.01), line("c.png", 1.0, p=0.5)]
    lines = [one | {"threshold": None, "defective": one["p"] < 0.05} for one in lines]
    page = page_of(tmp_path, lines)
    places = [page.index(text) for text in ("b.png</b>p = 0.01", "a.png</b>p = 0.04", "c.png</b>p = 0.5")]
    assert places == sorted(places)
    assert "close to the threshold" not in page


@pytest.fixture(scope="module")
def run(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job."""
    folder = tmp_path_factory.mktemp("shown") / "run"
    run_job(small("category=bottle", "projection=[eq8]", "test.normal_images=6", f"folder={folder}"))
    return folder


def test_a_command_writes_the_page_with_its_promise_and_what_it_left_out(
    run: Path, tmp_path: Path, capsys: Any
) -> None:
    new, out = tmp_path / "new", tmp_path / "found"
    Image.open(draw(new / "1.png", seed=1)).save(new / "1.png")
    (new / "a.heic").write_text("")
    assert predict(run, new, "--out", out, "--threshold", 1e-6, "--only", "overlays") == 1
    said, page = capsys.readouterr(), (out / PAGE).read_text()
    promise = said.err.splitlines()[1]
    assert promise.startswith("The threshold was given by hand: nothing is promised. ")
    assert promise in page
    assert "an average over many such trainings" not in page
    assert f"; {out / PAGE}" in said.out
    assert "<b>1 of 1</b> photograph is called defective." in page
    assert "No images by their names: 1 × .heic file (a.heic)" in page
    assert json.loads((out / SETTINGS).read_text())["about"]["folder"] == str(run)
    assert page.count("<img") == 1
    assert predict(run, draw(tmp_path / "2.png", seed=2), "--out", out, "--threshold", 1e6, "--force") == 0
    again = (out / PAGE).read_text()
    assert "<b>None of 1</b>" in again
    assert "1.png" not in again


def test_the_page_says_what_a_promised_share_is_an_average_over(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in (True, False):
        monkeypatch.setattr("renormal.inspect.inspector.held_out", lambda record, known=known: known)
        predict(run, draw(tmp_path / "1.png", seed=1), "--out", tmp_path / f"out{known}", "--only", "csv")
        page = (tmp_path / f"out{known}" / PAGE).read_text()
        assert ("an average over many such trainings" in page) is known
        assert ("Nothing is promised: the network may have been trained on" in page) is not known


def test_near_misses_are_named_the_closest_first(run: Path, tmp_path: Path, capsys: Any) -> None:
    for seed in range(4):
        draw(tmp_path / "new" / f"{seed}.png", seed=seed)
    predict(run, tmp_path / "new", "--out", tmp_path / "all", "--threshold", 1e6, "--json", "--only", "csv")
    scores = {one["image"]: one["score"] for one in map(json.loads, capsys.readouterr().out.splitlines())}
    ordered = sorted(scores, key=lambda name: -scores[name])
    threshold = scores[ordered[1]] * 1.0004
    near = [name for name in ordered if 0.95 * threshold <= scores[name] <= threshold]
    assert len(near) > 1
    predict(run, tmp_path / "new", "--out", tmp_path / "out", "--threshold", threshold, "--only", "csv")
    (said,) = [one for one in capsys.readouterr().out.splitlines() if "close" in one]
    assert said.startswith("good, but close to the threshold (score / threshold): ")
    assert re.findall(r"(\d\.png) \(0\.9\d+\)", said) == near
    page = (tmp_path / "out" / PAGE).read_text()
    assert f"{len(near)} more {'is' if len(near) == 1 else 'are'} close to the threshold" in page


def test_the_page_of_the_last_part_has_the_photographs_of_all(run: Path, tmp_path: Path) -> None:
    for seed in range(6):
        draw(tmp_path / "new" / f"{seed}.png", seed=seed)
    for part in ("1/2", "2/2"):
        predict(run, tmp_path / "new", "--out", tmp_path / "out", "--threshold", 0, "--only", "csv", "--part", part)
    assert "<b>6 of 6</b>" in (tmp_path / "out" / PAGE).read_text()
    (tmp_path / "out" / PAGE).unlink()
    assert join(tmp_path / "out")["defective"] == 6
    assert "<b>6 of 6</b>" in (tmp_path / "out" / PAGE).read_text()
