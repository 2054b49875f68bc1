"""The descent at test time: same numbers as by hand, whatever the loop around it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tested import DESCENTS, after_test, callback_of, data_of

from renormal.functional.tiles import blend, cut
from renormal.lit.drawing import Drawing
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, Plateau, Threshold, project, reconstruction_losses
from renormal.report.strips import read_picture
from renormal.scores import DSSIM, GradientScore, SquaredError, kl_term

SCORES = {
    "squared_error": SquaredError(),
    "kl_x_error": GradientScore(of=kl_term, times_error=True, normalise=True, sigma=1.0, window=5),
}


@pytest.mark.parametrize("average", ["maps", "pixels"])
@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_numbers_equal_those_by_hand(rehearsal: Path, category: str, average: str) -> None:
    data = data_of(rehearsal, category)
    callback = callback_of(stride=16, average=average)
    module = after_test(data, callback)
    images, normal = data.test.images.float() / 255, torch.cat(list(data.normal_images(16)))
    tiles = cut(images, 32, 16) if category == "grid" else images
    model = module.model
    for name, descent in DESCENTS.items():
        stop = Threshold(value=reconstruction_losses(model, normal, descent).min().item())
        assert callback.found.projections[name]["threshold"] == pytest.approx(stop.value, rel=1e-5)
        end = project(model, tiles, Descent(direction=descent.direction, stop=stop, max_steps=4)).x
        if category == "bottle":
            maps = DSSIM()(model, images, end)
        elif average == "pixels":
            maps = DSSIM()(model, images, blend(end, 64, 64, 16))
        else:
            maps = blend(DSSIM()(model, tiles, end), 64, 64, 16)
        oracle = AnomalyMetrics()
        oracle.update(maps, data.test.regions)
        for metric, value in oracle.compute().items():
            assert callback.metrics[f"{name}/{metric}"] == pytest.approx(value.item(), abs=2e-3)


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_further_scores_are_of_x0_and_its_reconstruction(rehearsal: Path, category: str) -> None:
    """In the order baseline, scores, projections, which is that of the table's columns."""
    data = data_of(rehearsal, category)
    callback = callback_of(scores=SCORES, stride=16)
    model = after_test(data, callback).model
    images = data.test.images.float() / 255
    tiles = cut(images, 32, 16) if category == "grid" else images
    assert list(dict.fromkeys(name.split("/")[0] for name in callback.metrics)) == ["baseline", *SCORES, *DESCENTS]
    for name, score in SCORES.items():
        maps = score(model, tiles, model(tiles).detach())
        oracle = AnomalyMetrics()
        oracle.update(maps if category == "bottle" else blend(maps, 64, 64, 16), data.test.regions)
        for metric, value in oracle.compute().items():
            assert callback.metrics[f"{name}/{metric}"] == pytest.approx(value.item(), abs=2e-3)
        assert all(f"{name}/score" in row for row in callback.rows)
    assert callback.metrics["kl_x_error/pixel_auroc"] != callback.metrics["squared_error/pixel_auroc"]


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_numbers_do_not_depend_on_which_images_are_tested_together(rehearsal: Path, category: str) -> None:
    ends = []
    for count in (1, 2, 5):
        data = data_of(rehearsal, category)
        data.test_images = count
        callback = callback_of(scores=SCORES, stride=16)
        after_test(data, callback)
        ends.append((callback.metrics, [row["kl_x_error/score"] for row in callback.rows]))
    assert ends[0] == ends[1] == ends[2], "to the last bit"


def test_inference_mode_changes_nothing(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    ends = []
    for inference_mode in (False, True):
        callback = callback_of(scores=SCORES)
        after_test(data, callback, inference_mode=inference_mode)
        ends.append(callback.metrics)
    assert ends[0] == ends[1]


def test_no_image_is_counted_twice_or_left_out(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    callback = callback_of()
    after_test(data, callback)
    counts = callback.counters["eq8"].anomaly.counts
    assert counts.sum() == data.test.regions.numel()
    assert counts[1].sum() == (data.test.regions > 0).sum()


def test_curves_end_where_the_table_stands(rehearsal: Path) -> None:
    data = data_of(rehearsal, "grid")
    stops = {"long": Descent(max_steps=6, stop=Plateau(tolerance=0.5, patience=2))}  # stops before its last step
    callback = callback_of(stops, stride=32, curves=["long"])
    after_test(data, callback)
    curve = callback.found.curves["long"]
    assert curve["iterations"] == list(range(7))
    assert curve["pixel_auroc"][0] == 0.5  # x0 against itself
    assert curve["pixel_auroc"][-1] == pytest.approx(callback.metrics["long/pixel_auroc"], abs=2e-3)
    assert curve["samples"] == len(data.test.images) * 4


def test_panels_show_one_of_each_defect(rehearsal: Path, tmp_path: Path) -> None:
    data = data_of(rehearsal, "bottle")
    callback = callback_of(drawing=Drawing(folder=tmp_path, panels=4))
    after_test(data, callback)
    assert {panel["defect"] for panel in callback.found.panels} == set(data.test.defects)
    assert all((tmp_path / panel["file"]).is_file() for panel in callback.found.panels)


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_the_filmed_image_ends_where_its_panel_does(rehearsal: Path, tmp_path: Path, category: str) -> None:
    data = data_of(rehearsal, category)
    stops = {"long": Descent(max_steps=4, stop=Threshold(value=0.0))}
    callback = callback_of(stops, stride=32, drawing=Drawing(folder=tmp_path, path=[0, 4]))
    after_test(data, callback)
    film = callback.found.curves["long"]["path"]
    panel = next(panel for panel in callback.found.panels if panel["path"] == film["path"])
    assert panel["defect"] != "good"
    frames = np.split(np.asarray(Image.open(tmp_path / film["file"])), 2, axis=1)
    tiles = np.split(np.asarray(read_picture(tmp_path / panel["file"], "RGB")), 6, axis=1)
    side = data.size
    assert (frames[0][:side] == tiles[0]).all()  # x0
    assert np.abs(frames[1][:side].astype(int) - tiles[2]).max() <= 1  # x_N


def test_the_steps_of_every_sample_are_counted(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    callback = callback_of({"eq8": Descent(max_steps=4, stop=Threshold(value=0.0))})
    after_test(data, callback)
    assert callback.found.curves["eq8"]["steps"] == [0, 0, 0, 0, len(data.test.images)]


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_crossed_scores_read_what_each_projection_makes(rehearsal: Path, category: str) -> None:
    """As a callback whose main score is that one."""
    data, score = data_of(rehearsal, category), SCORES["squared_error"]
    crossed = callback_of(scores={"error": score}, stride=16, crossed=True)
    after_test(data, crossed)
    alone = callback_of(score=score, stride=16)
    after_test(data, alone)
    columns = list(dict.fromkeys(name.split("/")[0] for name in crossed.metrics))
    assert columns == ["baseline", "error", *DESCENTS, *(f"{name}_error" for name in DESCENTS)]
    for name in DESCENTS:
        assert crossed.metrics[f"{name}_error/pixel_auroc"] == alone.metrics[f"{name}/pixel_auroc"]
    assert crossed.metrics["error/pixel_auroc"] == alone.metrics["baseline/pixel_auroc"]
    assert [row["eq8_error/score"] for row in crossed.rows] == [row["eq8/score"] for row in alone.rows]


def test_only_the_projections_that_are_wanted_are_drawn(rehearsal: Path, tmp_path: Path) -> None:
    data = data_of(rehearsal, "bottle")
    callback = callback_of(drawing=Drawing(folder=tmp_path, panels=3, projections=["eq8"]))
    after_test(data, callback)
    assert [panel["projection"] for panel in callback.found.panels] == ["eq8"] * 3
    assert [("auroc" in panel) for panel in callback.found.panels] == [
        panel["defect"] != "good" for panel in callback.found.panels
    ]
