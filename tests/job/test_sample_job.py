"""The stage sample: a second stage on the codes of a trained VAE, and new images."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renormal.job.job import run_job
from renormal.lit.sample import ACROSS, DOWN
from renormal.models import SecondStageVAE
from renormal.report.record import read_record
from renormal.report.strips import read_picture

SMALL = ["stages=[train,sample]", "model=vae", "sample.epochs=3", "sample.net.width=16", "sample.batch_size=4"]


def test_a_job_leaves_its_second_stage_and_a_sheet(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    config, begin = tiny(*SMALL), time.perf_counter()
    with caplog.at_level("INFO", logger="renormal"):
        run_job(config)
    elapsed = time.perf_counter() - begin
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    assert {"prior/frechet_z", "second_stage/frechet_z", "training/frechet_z"} <= set(record.metrics)
    assert f"frechet z prior {record.metrics['prior/frechet_z']:.3f}" in caplog.text
    assert record.seconds.keys() == {"data", "train", "sample"}
    assert max(record.seconds.values()) < sum(record.seconds.values()) < elapsed, "three parts of the whole"
    second = SecondStageVAE(latent=100, width=16)
    second.load_state_dict(torch.load(folder / "checkpoints" / "second_stage.pt", weights_only=True))
    sheet = np.asarray(read_picture(folder / "panels" / "samples.png", "RGB"))
    assert sheet.shape[:2] == (2 * DOWN * 32 + 4, ACROSS * 32)

    written = (folder / "record.json").stat().st_mtime_ns
    run_job(tiny(*SMALL))
    assert (folder / "record.json").stat().st_mtime_ns == written, "the same config again has its record"
    run_job(tiny(*SMALL, "sample.epochs=2"))
    assert (folder / "record.json").stat().st_mtime_ns > written


def test_the_same_seed_draws_the_same(tiny: Any, tmp_path: Path) -> None:
    sheets = []
    for name in ("one", "other"):
        run_job(tiny(*SMALL, f"folder={tmp_path / name}"))
        sheets.append((tmp_path / name / "panels" / "samples.png").read_bytes())
    assert sheets[0] == sheets[1]


def test_a_model_without_a_posterior_is_refused_before_any_work(tiny: Any) -> None:
    config = tiny("model=l2_ae", "stages=[train,sample]")
    with pytest.raises(ValueError, match=r"needs a variational autoencoder: model=resnet_vae, vae or gamma_vae$"):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()
