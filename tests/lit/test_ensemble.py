"""Several autoencoders and several views: maps averaged by hand, each with its own thresholds and its cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tested import DESCENTS, after_test, callback_of, data_of, module_of

from renormal.functional.views import views
from renormal.job.job import run_job
from renormal.metrics import AnomalyMetrics
from renormal.models import VAE
from renormal.projection import project, reconstruction_losses
from renormal.report.record import read_record
from renormal.scores import DSSIM


def other_model(channels: int) -> VAE:
    torch.manual_seed(7)
    return VAE(channels=channels, latent=8, size=32)


def metric_of(maps: torch.Tensor, regions: torch.Tensor) -> float:
    oracle = AnomalyMetrics()
    oracle.update(maps, regions)
    return oracle.compute()["pixel_auroc"].item()


def test_maps_are_the_mean_over_the_views_that_the_category_allows(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")  # either mirror, 15 degrees
    callback = callback_of(flips=True)
    model = after_test(data, callback).model
    images = data.test.images.float() / 255
    found = views(mirror_x=True, mirror_y=True, rotate=15)
    with torch.no_grad():
        maps = [view.back(DSSIM()(model, view(images), model(view(images)))) for view in found]
    expected = metric_of(torch.stack(maps).mean(dim=0), data.test.regions)
    assert callback.metrics["baseline/pixel_auroc"] == pytest.approx(expected, abs=2e-3)
    assert callback.found.projections["eq8"]["samples"] == 4 * len(images)


def test_what_a_category_does_not_allow_is_not_done_and_said(rehearsal: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = []
    for flips in (False, True):
        callback = callback_of(stride=16, flips=flips)
        after_test(data_of(rehearsal, "grid"), callback)
        metrics.append(callback.metrics)
    assert metrics[0] == metrics[1], "to the last bit"
    (said,) = [record.getMessage() for record in caplog.records if "flips" in record.getMessage()]
    assert said.startswith("test.flips=true changes nothing on grid")


@pytest.mark.parametrize("name", ["baseline", "eq8"])
def test_several_models_each_go_to_their_own_threshold(rehearsal: Path, name: str) -> None:
    data = data_of(rehearsal, "bottle")
    callback = callback_of(others=[other_model(data.channels)])
    models = [after_test(data, callback).model, other_model(data.channels)]
    images, normal = data.test.images.float() / 255, torch.cat(list(data.normal_images(16)))
    maps = []
    for model in models:
        end = model(images).detach()
        if name == "eq8":
            stop = DESCENTS["eq8"].stop.fitted(reconstruction_losses(model, normal, DESCENTS["eq8"]))
            end = project(model, images, replace(DESCENTS["eq8"], stop=stop)).x
        maps.append(DSSIM()(model, images, end))
    assert callback.metrics[f"{name}/pixel_auroc"] == pytest.approx(
        metric_of(sum(maps) / 2, data.test.regions), abs=2e-3
    )
    thresholds = [network.descents["eq8"].stop.value for network in callback.networks]
    assert thresholds[0] != thresholds[1]


def test_a_model_that_is_given_twice_changes_no_number_and_costs_twice(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    alone, double = callback_of(), callback_of(others=[module_of(data).model])
    after_test(data, alone)
    after_test(data, double)
    for key, value in alone.metrics.items():
        assert double.metrics[key] == pytest.approx(value, abs=1e-6)
    for one, two in zip(alone.rows, double.rows, strict=True):
        assert one["eq8/steps"] == two["eq8/steps"]
    shares = sum(float(row["eq8/seconds"]) for row in double.rows)
    assert shares == pytest.approx(double.found.projections["eq8"]["seconds"])
    assert double.found.projections["eq8"]["samples"] == 2 * alone.found.projections["eq8"]["samples"]


def test_a_list_of_checkpoints_is_a_job_of_its_own(tiny: Any, tmp_path: Path) -> None:
    for seed in (0, 1):
        run_job(tiny(f"seed={seed}", f"folder={tmp_path / str(seed)}", "stages=[train]"))
    files = [tmp_path / str(seed) / "checkpoints" / "last.ckpt" for seed in (0, 1)]
    records = []
    for given in ([0], [1], [0, 1]):
        paths = ",".join(str(files[index]) for index in given)
        config = tiny("stages=[test]", f"checkpoint=[{paths}]", f"folder={tmp_path / f'of_{len(records)}'}")
        run_job(config)
        records.append(read_record(Path(config.folder) / "record.json"))
    assert len({record.hashes["test"] for record in records}) == 3
    assert records[2].projections["eq8"]["samples"] == 2 * records[0].projections["eq8"]["samples"]
    assert len({record.metrics["baseline/average_precision"] for record in records}) == 3


def test_wrong_lists_are_refused(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(f"folder={tmp_path / 'a'}", "stages=[train]"))
    good = tmp_path / "a" / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=r"/nowhere.ckpt does not exist"):
        run_job(tiny("stages=[test]", f"checkpoint=[{good},/nowhere.ckpt]"))
    with pytest.raises(ValueError, match="settings are chosen for one autoencoder"):
        run_job(tiny("stages=[choose,test]", f"checkpoint=[{good},{good}]"))
