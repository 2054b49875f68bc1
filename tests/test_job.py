"""One job from the real config: what it leaves, what it repeats, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from renormal.job import run_job
from renormal.report.record import read_record


@pytest.mark.parametrize("model", ["l2_ae", "dsae", "vae", "gamma_vae"])
def test_a_run_leaves_record_checkpoint_and_panels(tiny: Any, model: str) -> None:
    config = tiny(f"model={model}")
    run_job(config)
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    assert (record.model, record.category, record.seed, record.kind) == (model, "bottle", 0, "object")
    for method in ("baseline", "eq8_adam", "eq8"):
        assert {f"{method}/{name}" for name in ("pixel_auroc", "aupro", "image_auroc")} <= record.metrics.keys()
    assert record.training["images"] == 8
    assert record.training["images_per_second"] > 0
    assert record.projections["eq8"]["images_per_second"] > 0
    assert record.data["test_good"] == 2
    assert {"data", "train", "test"} == record.seconds.keys()
    assert len(record.panels) == 4  # two samples, two projections
    assert all((folder / panel["file"]).is_file() for panel in record.panels)
    torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_textures_in_bfloat16(tiny: Any) -> None:
    config = tiny("category=grid", "trainer.precision=bf16-mixed", "projections.eq8.precision=bfloat16", "model=dsae")
    run_job(config)
    assert read_record(Path(config.folder) / "record.json").data["channels"] == 1


def test_same_seed_same_numbers_and_another_seed_others(tiny: Any, tmp_path: Path) -> None:
    metrics = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        config = tiny(f"folder={tmp_path / place}", f"seed={seed}")
        run_job(config)
        metrics.append(read_record(tmp_path / place / "record.json").metrics)
    assert metrics[0] == metrics[1] != metrics[2]


def test_a_finished_run_is_not_repeated_unless_its_config_changes(tiny: Any) -> None:
    run_job(tiny())
    path = Path(tiny().folder) / "record.json"
    written = path.stat().st_mtime_ns
    run_job(tiny("progress=true"))
    assert path.stat().st_mtime_ns == written
    run_job(tiny("projections.eq8.step_size=0.1"))
    assert path.stat().st_mtime_ns > written


def test_a_checkpoint_is_tested_again_without_training(tiny: Any) -> None:
    run_job(tiny())
    path = Path(tiny().folder) / "record.json"
    first = read_record(path)
    run_job(tiny("stages=[test]", "rerun=true"))
    again = read_record(path)
    assert again.metrics == first.metrics
    assert again.training == first.training


def test_an_interrupted_training_ends_as_an_undisturbed_one(tiny: Any, tmp_path: Path) -> None:
    whole, halves = f"folder={tmp_path / 'whole'}", f"folder={tmp_path / 'halves'}"
    run_job(tiny(whole, "trainer.max_epochs=2"))
    config = tiny(halves, "trainer.max_epochs=2").copy()
    from renormal.lit.module import AutoencoderModule

    step = AutoencoderModule.training_step
    seen: list[int] = []

    def killed(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        seen.append(batch_idx)
        if len(seen) == 4:
            raise RuntimeError("the power went")
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoencoderModule, "training_step", killed)
        with pytest.raises(RuntimeError, match="power"):
            run_job(config)
    run_job(config)
    ends = [read_record(tmp_path / place / "record.json") for place in ("whole", "halves")]
    assert ends[0].metrics == ends[1].metrics


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["stages=[test]"], "last.ckpt does not exist: train first"),
        (["stages=[trian]"], r"stages has \['trian'\], it may hold train and test"),
    ],
)
def test_what_cannot_run_says_so(tiny: Any, overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_job(tiny(*overrides))


def test_weights_of_another_recipe_are_refused(tiny: Any) -> None:
    run_job(tiny("stages=[train]"))
    with pytest.raises(ValueError, match="was trained with another config"):
        run_job(tiny("stages=[test]", "model.net.latent=50"))
    checkpoint = Path(tiny().folder) / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match="does not fit model=l2_ae on bottle"):
        run_job(tiny("stages=[test]", "model.net.latent=50", f"checkpoint={checkpoint}"))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["data=mvtec"], "renormal: MVTec AD has no folder yet: give data.root="),
        (["data=mvtec", "data.root=/nowhere"], "renormal: data.root=/nowhere is not a folder"),
        (["category=botle"], "renormal: category must be one of carpet, grid"),
    ],
)
def test_the_command_ends_in_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    command = [sys.executable, "-m", "renormal.run", *arguments]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert end.returncode == 1
    assert end.stderr.strip().startswith(line)
    assert len(end.stderr.strip().splitlines()) == 1
