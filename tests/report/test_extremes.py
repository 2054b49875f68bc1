"""The best and the worst of a category."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up
from PIL import Image

from renormal.report.extremes import COUNT, extreme_figures, ranked_by_method, short
from renormal.report.gallery import DEFECT
from renormal.report.record import Record

TILES = "x0 | f(x0) | x_N | map of f(x0) | map of x_N | truth"


def job(folder: Path, found: list[int], *, side: int = 8) -> Record:
    """Defects of four pixels, of which the map of sample i finds found[i]; the others of its high pixels are normal."""
    (folder / "panels").mkdir(parents=True)
    panels = []
    for number, right in enumerate(found):
        truth, scores = np.zeros((side, side), dtype=np.uint8), np.zeros((side, side), dtype=np.uint8)
        truth[0, :4] = DEFECT
        scores[0, :right] = 200
        scores[7, : 4 - right] = 200
        name = f"panels/{number}"
        Image.new("RGB", (6 * side, side), "white").save(folder / f"{name}.png")
        Image.fromarray(np.concatenate([scores, scores, truth], axis=1)).save(folder / f"{name}-maps.png")
        entry = {"file": f"{name}.png", "maps": f"{name}-maps.png", "tiles": TILES, "limit": "0.5"}
        panels.append({**entry, "path": f"test/bent/{number:03d}.png", "defect": "bent", "projection": "eq8"})
    return made_up("vae", "grid", 0, panels=panels, folder=folder)


def test_samples_are_ranked_by_their_own_auroc(tmp_path: Path) -> None:
    """Four defective pixels of 64, r found: AUROC = (r/4) · 56/60 … by hand from pairs: wins + half of the ties."""
    ranked = ranked_by_method(job(tmp_path, [2, 4, 0]))["eq8"]
    assert [short(item.path) for item in ranked] == ["bent/001", "bent/000", "bent/002"]

    def by_hand(right: int) -> float:
        wrong = 4 - right
        wins = right * (60 - wrong)
        ties = right * wrong + (4 - right) * (60 - wrong)
        return (wins + ties / 2) / (4 * 60)

    assert [item.auroc for item in ranked] == pytest.approx([by_hand(right) for right in (4, 2, 0)])


def test_a_figure_needs_enough_samples_and_shows_ten_of_each(tmp_path: Path) -> None:
    assert not list(extreme_figures([job(tmp_path / "few", [1] * (2 * COUNT - 1))]))
    ((name, figure),) = extreme_figures([job(tmp_path / "many", [4] * 12 + [0] * 11 + [2])])
    assert name == "extremes-eq8-vae-grid-0"
    best, worst = figure.subfigs
    assert best.axes[0].get_title().startswith("1.000")
    assert worst.axes[COUNT - 1].get_title().startswith("0.467")  # (0 + 4 · 56 / 2) / 240
    assert [axes.get_ylabel() for axes in best.axes[::COUNT]] == [
        "best\n$x_0$, truth",
        "$f(x_0)$",
        "$x_N$",
        "map of $x_N$",
    ]


def test_good_images_and_lost_files_are_no_defects(tmp_path: Path) -> None:
    record = job(tmp_path, [4, 3])
    (tmp_path / "panels" / "0-maps.png").unlink()
    good = np.zeros((8, 24), dtype=np.uint8)
    Image.fromarray(good).save(tmp_path / "panels" / "1-maps.png")
    assert ranked_by_method(record) == {}


def test_the_auroc_that_the_test_measured_comes_before_that_of_the_8_bit_map(tmp_path: Path) -> None:
    record = job(tmp_path, [2, 4, 0])
    record.panels[2]["auroc"] = "0.990000"
    record.panels[1]["auroc"] = "0.100000"
    ranked = ranked_by_method(record)["eq8"]
    assert [short(item.path) for item in ranked] == ["bent/002", "bent/000", "bent/001"]


def test_jobs_of_two_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    found = [replace(job(tmp_path / name, [4] * 2 * COUNT), name=f"rows/{name}") for name in ("one", "two")]
    figures = dict(extreme_figures(found))
    assert list(figures) == [f"extremes-eq8-vae-grid-0-rows-{name}" for name in ("one", "two")]
    titles = [figure.get_suptitle() for figure in figures.values()]
    assert titles == ["rows/one: VAE, grid, eq8", "rows/two: VAE, grid, eq8"]
