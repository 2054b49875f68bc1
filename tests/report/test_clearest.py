"""The first pictures of the page: the defects that change most in the best column, one of each category at first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, strip, write_made_up
from PIL import Image

from renormal.report.clearest import clearest
from renormal.report.cli import main
from renormal.report.record import Record

SIDE = 32
METRIC = "pixel_auroc"


def changed(folder: Path, name: str, grey: int, *, defect: str = "bent", width: int = 8) -> dict[str, str]:
    """A panel whose x_N is as white as x0 but for a defect of `width` × 8 pixels, which is grey."""
    entry = strip(folder / "panels", name, side=SIDE)
    for file, tile, ground, mark in ((entry["file"], 2, "white", (grey,) * 3), (entry["maps"], 2, 0, 255)):
        with Image.open(folder / file) as picture:
            picture.paste(ground, (tile * SIDE, 0, (tile + 1) * SIDE, SIDE))
            picture.paste(mark, (tile * SIDE + 4, 4, tile * SIDE + 4 + width, 12))
            picture.save(folder / file)
    return entry | {"defect": defect, "auroc": "0.9", "path": f"test/{defect}/{name}.png"}


def job(root: Path, category: str, *panels: tuple[str, int, str], model: str = "vae") -> Record:
    folder = root / model / category / "0"
    entries = [changed(folder, name, grey, defect=defect) for name, grey, defect in panels]
    return made_up(model, category, panels=entries, folder=folder)


def test_each_category_shows_the_defect_that_changed_most_and_then_another_kind(tmp_path: Path) -> None:
    grid = job(tmp_path, "grid", ("a", 200, "bent"), ("b", 20, "bent"), ("c", 100, "cut"))
    tile = job(tmp_path, "tile", ("a", 90, "oil"))
    shown = clearest({"grid": [grid], "tile": [tile]}, METRIC)
    assert [(one.category, one.defect) for one in shown] == [("grid", "bent"), ("tile", "oil"), ("grid", "cut")]
    alone = clearest({"grid": [grid]}, METRIC)
    assert [one.defect for one in alone] == ["bent", "cut", "bent"]
    assert alone[0].pictures != alone[2].pictures


def scored(root: Path, model: str, before: float, after: float, column: str = "eq8") -> Record:
    """A job whose x_N of this column has the number `after`, and f(x0) `before`. vae changes its defect most."""
    record = job(root, "grid", ("a", {"vae": 20, "dsae": 90}[model], "bent"), model=model)
    metrics = {f"baseline/{METRIC}": before, f"{column}/{METRIC}": after}
    return replace(record, metrics=metrics, panels=[panel | {"projection": column} for panel in record.panels])


@pytest.mark.parametrize(
    ("vae", "dsae", "shown"),
    [
        ((0.7, 0.8), (0.8, 0.9), "DSAE"),
        ((0.7, 0.95), (0.8, 0.9), "VAE"),
        ((0.96, 0.95), (0.8, 0.9), "DSAE"),
        ((0.96, 0.95), (0.91, 0.9), None),
        ((0.96, 0.95, "chosen"), (0.8, 0.9), "VAE"),
    ],
)
def test_the_column_with_the_highest_number_is_shown_and_none_below_f_x0_that_was_not_chosen(
    tmp_path: Path, vae: tuple[Any, ...], dsae: tuple[Any, ...], shown: str | None
) -> None:
    records = [scored(tmp_path, "vae", *vae), scored(tmp_path, "dsae", *dsae)]
    assert [one.model for one in clearest({"grid": records}, METRIC)] == [shown] * (shown is not None)


def test_without_numbers_it_is_the_column_that_decides(tmp_path: Path) -> None:
    record = job(tmp_path, "grid", ("a", 20, "bent"), ("b", 90, "bent"))
    panels = [panel | {"projection": name} for panel, name in zip(record.panels, ("eq5", "eq8"), strict=True)]
    maps = {name: {"planted_auroc": value} for name, value in (("baseline", 0.9), ("eq5", 0.6), ("eq8", 0.7))}
    (found,) = clearest({"grid": [replace(record, metrics={}, panels=panels, maps=maps)]}, METRIC)
    assert found.method == "eq8"


def test_without_numbers_the_model_that_changed_the_defect_most_is_shown(tmp_path: Path) -> None:
    records = [job(tmp_path, "grid", ("a", grey, "bent"), model=model) for model, grey in (("vae", 150), ("dsae", 50))]
    assert [one.model for one in clearest({"grid": records}, METRIC)] == ["DSAE"]


def test_normal_images_tiny_defects_and_missing_files_are_left_out(tmp_path: Path) -> None:
    record = job(tmp_path, "grid", ("a", 0, "bent"))
    folder = tmp_path / "vae" / "grid" / "0"
    tiny, good, gone = (changed(folder, name, 0, width=width) for name, width in (("t", 1), ("g", 0), ("x", 8)))
    (folder / gone["file"]).unlink()
    record.panels.extend([tiny, good, gone])
    assert [one.defect for one in clearest({"grid": [record]}, METRIC)] == ["bent"]


def test_a_defect_without_a_mask_comes_last(tmp_path: Path) -> None:
    record = job(tmp_path, "grid", ("a", 250, "bent"), ("b", 0, "cut"))
    file = tmp_path / "vae" / "grid" / "0" / record.panels[1]["maps"]
    with Image.open(file) as maps:
        maps.paste(128, (2 * SIDE, 0, 3 * SIDE, SIDE))
        maps.save(file)
    assert [one.defect for one in clearest({"grid": [record]}, METRIC)] == ["bent", "cut"]


def test_the_page_shows_them_above_the_table_and_the_rates_below_it(tmp_path: Path) -> None:
    write_made_up(tmp_path, job(tmp_path, "grid", ("a", 0, "bent")))
    assert main([str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    places = [page.index(part) for part in ('<div class="clearest">', 'class="scores"', '<ul class="rates">')]
    assert places == sorted(places)


def test_a_page_without_pictures_begins_with_the_table(tmp_path: Path) -> None:
    write_made_up(tmp_path, made_up())
    assert main([str(tmp_path)]) == 0
    assert "clearest" not in (tmp_path / "report.html").read_text(encoding="utf-8").partition("</style>")[2]
