"""The page of a job without tested defects: decision, warnings and drawn defects first, the rest folded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deciding import job, only_good
from made_up import made_up, strip, write_made_up
from PIL import Image

from renormal.report.called import command
from renormal.report.cli import main
from renormal.report.logged import warnings
from renormal.report.sheets import PLANTED

LOG = """[2026-01-01 10:00:00,000][renormal.run][INFO] - outputs/trial/vae/grid/0: starting
[2026-01-01 10:00:00,000][renormal][INFO] - training: at most 10 minutes on this machine, about 40 images
[2026-01-01 10:00:00,000][renormal][WARNING] - 40 training images are few
[2026-01-01 11:00:00,000][renormal.run][INFO] - outputs/trial/vae/grid/0: starting
[2026-01-01 11:00:00,000][renormal][WARNING] - grid: two <groups>
[2026-01-01 11:00:00,000][renormal][INFO] - training: at most 10 minutes on this machine, about 1632 images
[2026-01-01 11:00:00,000][renormal][WARNING] - 1632 training images are few; see /home/me/line/parts
[2026-01-01 11:00:00,000][lightning][WARNING] - of another program
[2026-01-01 11:00:00,000][renormal][WARNING] - interrupted: the same command goes on after 8 images of a/b/0
[2026-01-01 12:00:00,000][renormal.run][INFO] - outputs/trial/vae/grid/0: starting
[2026-01-01 12:00:00,000][renormal][WARNING] - grid: two <groups>
[2026-01-01 12:00:00,000][renormal][WARNING] - outputs/trial/vae/grid/0 holds the record of another config or of other …
[2026-01-01 12:00:00,000][renormal][WARNING] - outputs/trial/vae/grid/0 holds the record of other code (a.b was edited)
[2026-01-01 12:00:00,000][renormal][INFO] - going on after 8 images of last.ckpt
"""


def test_the_warnings_of_the_training_stand_before_the_drawn_defects_and_the_rest_is_folded(tmp_path: Path) -> None:
    """The page said "0 of 6 are called defective" and hid that the network was bad; this line lay 5000 pixels down."""
    folder = tmp_path / "vae" / "grid" / "0"
    entry = strip(folder / "panels", "a") | {"projection": "eq8_adam", "defect": "good"}
    (folder / "run.log").write_text(LOG)
    Image.new("RGB", (64, 32)).save(folder / "planted.png")
    page = only_good(tmp_path, None, panels=[entry])
    line, few, drawn = (page.index(text) for text in ("its score is above <b>", "<li>1632 training", 'class="sheet"'))
    assert "<ul><li>grid: two &lt;groups&gt;</li><li>1632 training images are few; see parts</li></ul>" in page
    assert line < page.index('<svg class="chart"') < few < drawn < page.index("<details")
    assert page.count('<svg class="chart"') == page.count(f'alt="{PLANTED}"') == 1
    assert '<details class="inner"><summary>1 photograph of the test, with its maps</summary>' in page
    assert "open>" not in page


def test_the_decisions_of_several_jobs_stand_close_together(tmp_path: Path) -> None:
    write_made_up(tmp_path, job({"eq8_adam": [0.5]}, metrics={}, category="tile"))
    Image.new("RGB", (64, 32)).save(tmp_path / "vae" / "tile" / "0" / "planted.png")
    page = only_good(tmp_path, None)
    folded = '<details class="inner"><summary>the drawn defects of this job</summary><img class="sheet"'
    places = [page.index(text) for text in ("photograph: grid, VAE, seed 0", "photograph: tile, VAE, seed 0", folded)]
    assert places == sorted(places)


def test_a_job_with_tested_defects_has_its_warnings_above_the_table(tmp_path: Path) -> None:
    path = write_made_up(tmp_path, made_up())
    (path.parent / "run.log").write_text(LOG)
    assert main([str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index("<li>1632 training images are few") < page.index('<table class="scores">')
    write_made_up(tmp_path, made_up(seed=1))
    assert main([str(tmp_path)]) == 0
    assert "1632 training images" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_job_without_a_log_repeats_the_warnings_that_its_record_keeps() -> None:
    found = {"examination": {"lines": ["grid: two groups"], "sheet": ""}}
    assert warnings(job({}, data=found)) == ["grid: two groups"]
    assert warnings(job({}, data={})) == []


@pytest.mark.parametrize("place", ["outputs/trial/vae/grid/0", "elsewhere/grid/0"])
def test_the_command_for_new_photographs_names_the_job_where_it_lies(place: str, tmp_path: Path) -> None:
    named = place if place.startswith("outputs") else "JOB"
    record = replace(made_up(), folder=tmp_path / place)
    assert command(record) == f"renormal-predict {named} new/ --out found/"


def test_two_thresholds_and_two_losses_have_names_of_their_own(tmp_path: Path) -> None:
    """A column "threshold 0" stood above the threshold 0.38 of the decision."""
    losses = {"held_out_training_loss": 2419.0, "held_out_loss": 26.5}
    page = only_good(tmp_path, None, training=losses)
    assert "<th></th><th>stop threshold</th>" in page
    assert "<dt>training loss, held-out images</dt><dd>2419</dd>" in page
    assert "<dt>L_r of f(x₀), held-out images</dt><dd>26.5</dd>" in page
