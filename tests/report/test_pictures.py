"""The paper's figures of pictures: which samples stand where, and what is green."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up, strip, write_made_up
from PIL import Image

from renormal.report.cli import main
from renormal.report.pictures import GREEN, examples, overlaid, picture_figures, segmentation_figure
from renormal.report.record import Record


def job(root: Path, model: str, category: str, seed: int = 0) -> Record:
    folder = root / model / category / str(seed)
    panels = [strip(folder / "panels", name) for name in ("a", "b")]
    panels[0]["defect"] = "good"
    return made_up(model, category, seed, panels=panels, folder=folder)


@pytest.mark.parametrize(("limit", "threshold", "first"), [(0.5, 0.2, 102), (0.25, 0.2, 204), (0.1, 0.02, 51)])
def test_green_is_what_the_map_has_from_the_threshold_on(limit: float, threshold: float, first: int) -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    pixels = overlaid(Image.new("RGB", grey.size), grey, limit, threshold)
    green = (pixels == np.array([int(value * 0.55) for value in GREEN])).all(axis=-1)[0]
    assert green.tolist() == [value >= first for value in range(256)]


NORMAL = {"baseline": {"limit": 0.4, "threshold": 0.15}, "eq8": {"limit": 0.4, "threshold": 0.03}}


@pytest.mark.parametrize(
    ("score", "limits", "maps", "marks"),
    [
        ("DSSIM", ("0.5", "0.5"), {}, (0.2, 0.2)),
        ("DSSIM", ("0.4", "0.3"), NORMAL, (0.2, 0.2)),
        ("DSSIM", ("0.4", "0.1"), NORMAL, (0.2, 0.03)),  # above 0.1 all values look the same
        ("SquaredError", ("0.4", "0.4"), NORMAL, (0.15, 0.03)),
        ("SquaredError", ("0.1", "0.1"), {}, (0.1, 0.1)),
    ],
)
def test_figure_3_has_the_papers_threshold_where_the_map_is_dssim_and_reaches_it(
    tmp_path: Path, score: str, limits: tuple[str, str], maps: dict[str, dict[str, float]], marks: tuple[float, float]
) -> None:
    record = replace(
        job(tmp_path, "vae", "grid"), config={"score": {"_target_": f"renormal.scores.{score}"}}, maps=maps
    )
    record.panels[1].update(baseline_limit=limits[0], limit=limits[1])
    (item,) = examples([record])
    assert item.marks == marks
    named = [axes.get_xlabel() for axes in segmentation_figure([item], upright=True).axes[2:]]
    assert named == ["" if one == 0.2 else f"map ≥ {one:.2g}" for one in marks]


def test_figure_3_has_the_papers_categories_and_figure_6_the_others(tmp_path: Path) -> None:
    categories = ("zipper", "bottle", "tile", "grid", "hazelnut")
    records = [job(tmp_path, model, category) for model in ("vae", "l2_ae") for category in categories]
    figures = dict(picture_figures(records))
    assert list(figures) == ["figure1", "figure3", "figure6"]
    columns = [axes.get_title() for axes in figures["figure3"].axes[:3]]
    assert columns == ["hazelnut", "grid", "bottle"]
    rows = [axes.get_ylabel() for axes in figures["figure3"].axes[::3]]
    assert rows == ["normal", "anomalous", "L² AE", "L² AE, eq8"]
    others = [axes.get_ylabel() for axes in figures["figure6"].axes[::4]]
    assert others == ["tile", "zipper"]


def test_figure_1_is_the_papers_vae_on_grid_where_it_exists(tmp_path: Path) -> None:
    records = [job(tmp_path, model, category) for model in ("l2_ae", "vae") for category in ("bottle", "grid")]
    figure = dict(picture_figures(records))["figure1"]
    assert figure.get_suptitle() == "VAE, grid"
    ends = [axes.images[0].get_array()[0, 0].tolist() for axes in figure.axes]
    assert ends == [[255, 255, 255], [255, 255, 255], [0, 0, 255], [0, 0, 0]]  # normal, x0, f(x0), x_N
    assert dict(picture_figures(records[:1]))["figure1"].get_suptitle() == "L² AE, bottle"


def test_of_several_seeds_the_first_is_drawn(tmp_path: Path) -> None:
    records = [job(tmp_path, "vae", "grid", seed) for seed in (0, 1)]
    records[0].panels[1]["projection"] = "first"
    assert [item.method for item in examples(records)] == ["first"]


def test_the_truth_is_a_contour_over_both_segmentations(tmp_path: Path) -> None:
    (item,) = examples([job(tmp_path, "vae", "grid")])
    drawn = [len(axes.collections) for axes in segmentation_figure([item], upright=True).axes]
    assert drawn == [0, 0, 1, 1]


def test_figure_8_has_a_column_for_each_kept_iteration(tmp_path: Path) -> None:
    Image.new("RGB", (3 * 8, 16), "blue").save(tmp_path / "path.png")
    path = {"file": "path.png", "iterations": [0, 2, 9], "path": "test/bent/000.png"}
    record = made_up(curves={"eq8": {"path": path}, "eq5": {"steps": [1]}}, folder=tmp_path)
    ((name, figure),) = picture_figures([record])
    assert name == "figure8-vae-grid-0-eq8"
    assert [axes.get_title() for axes in figure.axes[:3]] == ["$t = 0$", "$t = 2$", "$t = 9$"]
    assert all(axes.images[0].get_array().shape == (8, 8, 3) for axes in figure.axes)
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["$x_t$", "$f(x_t)$", "$|x_t - x_0|$, to 0.25"]
    assert list(picture_figures([replace(record, folder=tmp_path / "elsewhere")])) == []  # a published record


def test_the_command_writes_every_figure_as_png_and_pdf(tmp_path: Path) -> None:
    for category in ("grid", "tile"):
        write_made_up(tmp_path, job(tmp_path, "vae", category))
    assert main([str(tmp_path), "--figures"]) == 0
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {f"figure{number}.{kind}" for number in (1, 3, 6) for kind in ("png", "pdf")}


def test_a_broken_picture_is_named_and_the_other_figures_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [job(tmp_path, "vae", category) for category in ("grid", "tile")]
    (tmp_path / "vae" / "grid" / "0" / "panels" / "b-maps.png").write_bytes(b"no picture")
    assert list(dict(picture_figures(records))) == ["figure1", "figure6"]
    assert "grid/0/panels/b-maps.png: no picture in PNG or WEBP or JPEG" in capsys.readouterr().err


def test_records_without_pictures_have_no_figure_of_them() -> None:
    assert list(picture_figures([made_up()])) == []
