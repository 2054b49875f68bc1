"""A search in z in a whole job: a column like any other, or one line before the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renormal.job.job import run_job
from renormal.report.record import read_record
from thresholds import least


def test_a_search_in_z_is_a_column_like_any_other(tiny: Any) -> None:
    """Its metrics, steps, curve, film, panels and rows."""
    short = ["descent.max_steps=4", "test.curves=[latent]", "test.path=[0,1,3]"]
    config = tiny("model=vae", "projection=[eq8_adam,latent]", *short)
    run_job(config)
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    assert {"baseline/pixel_auroc", "eq8_adam/pixel_auroc", "latent/pixel_auroc"} <= record.metrics.keys()
    assert record.projections["latent"].keys() == record.projections["eq8_adam"].keys()
    assert record.projections["latent"]["threshold"] == pytest.approx(least(config, 1), rel=1e-4)
    assert len(record.curves["latent"]["pixel_auroc"]) == 5
    assert (folder / record.curves["latent"]["path"]["file"]).is_file()
    assert {panel["projection"] for panel in record.panels} == {"eq8_adam", "latent"}
    assert "latent/score" in (folder / "samples.csv").read_text().splitlines()[0]


def test_a_search_from_the_prior_on_the_tiles_of_a_texture(tiny: Any) -> None:
    drawn = ["projections.latent.energy.start._target_=renormal.projection.Drawn", "projections.latent.stop.value=0"]
    config = tiny("model=vae", "category=grid", "projection=[latent]", "descent.max_steps=2", *drawn)
    run_job(config)
    assert read_record(Path(config.folder) / "record.json").projections["latent"]["steps_mean"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=l2_ae", "projection=[eq8_adam,latent]"], r"^projections.latent.energy: L2AE has no prior p\(z\).*=0$"),
        (["model=vae", "projection=[anogan]"], r"^projections.anogan.energy: VAE has no features f_D"),
    ],
)
def test_a_search_that_the_model_cannot_answer_ends_the_job_before_its_training(
    tiny: Any, arguments: list[str], message: str
) -> None:
    config = tiny(*arguments)
    with pytest.raises(ValueError, match=message):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()
