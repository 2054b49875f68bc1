"""The stage inpaint, and the tool that repairs one photograph with what it left."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from renormal.data.images import read_mask
from renormal.inspect.inpaint import main
from renormal.inspect.load import load
from renormal.job.job import run_job
from renormal.projection import Threshold
from renormal.report.cli import main as report
from renormal.report.record import Record, read_record

HOLES = ["stages=[train,inpaint]", "projection=[inpaint,inpaint_blind]", "descent.max_steps=3"]


@pytest.fixture
def job(tiny: Any) -> tuple[Path, Record]:
    config = tiny(*HOLES)
    run_job(config)
    return Path(config.folder), read_record(Path(config.folder) / "record.json")


def test_every_way_is_measured_on_every_kind_of_hole(job: tuple[Path, Record]) -> None:
    folder, record = job
    ways = {"classical", "baseline", "pasted", "inpaint", "inpaint_blind"}
    ways |= {f"{name}_reconstructed" for name in ("inpaint", "inpaint_blind")}
    for kind in ("squares", "mixture"):
        for noun in ("psnr_hole", "ssim_hole", "l1_hole", "psnr_rest", "auroc"):
            assert {key.split("/")[0] for key in record.metrics if key.endswith(f"/{kind}_{noun}")} == ways
        assert record.metrics[f"inpaint/{kind}_l1_rest"] == 0
        assert record.metrics[f"inpaint_reconstructed/{kind}_l1_rest"] == 0
        assert record.metrics[f"inpaint_blind_reconstructed/{kind}_l1_rest"] > 0
        assert (folder / "panels" / f"inpaint-{kind}.png").is_file()
        assert record.projections["inpaint"][f"{kind}_steps"] is not None
    assert record.projections["inpaint"]["threshold"] is not None
    assert set(record.seconds) == {"data", "train", "inpaint"}


def test_the_job_is_not_repeated_and_its_figures_are_drawn(job: tuple[Path, Record], tiny: Any, caplog: Any) -> None:
    folder, record = job
    written = (folder / "record.json").stat().st_mtime_ns
    with caplog.at_level("INFO", logger="renormal"):
        run_job(tiny(*HOLES))
    assert (folder / "record.json").stat().st_mtime_ns == written
    report([str(folder), "--figures"])
    table = (folder / "repairs.md").read_text(encoding="utf-8").splitlines()
    assert len(table) == 2 + 2 * 7, "a row for each kind of hole and way"
    assert f"{record.metrics['inpaint/squares_psnr_hole']:.2f}" in next(line for line in table if "eq. 7" in line)
    figures = {path.name for path in (folder / "figures").glob("*.png")}
    stem = f"{record.model}-{record.category}-{record.seed}.png"
    assert {f"figure4-{stem}", f"figure7-{stem}"} <= figures
    assert "inpaint-squares" not in (folder / "report.html").read_text(encoding="utf-8")  # inside of the page


def test_one_photograph_is_repaired_inside_of_its_mask_only(job: tuple[Path, Record], tmp_path: Path) -> None:
    folder, record = job
    side = record.data["size"]
    rng = np.random.default_rng(0)
    pixels = 255 * rng.integers(0, 2, (side, side, 3), dtype=np.uint8)  # far from normal: above T
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[4:9, 4:9] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out, photo, hole = (str(tmp_path / f"{name}.png") for name in ("out", "photo", "mask"))
    assert main([str(folder), photo, "--mask", hole, "--out", out]) == 0
    repaired = np.asarray(Image.open(out))
    assert (repaired[mask == 0] == pixels[mask == 0]).all()
    assert (repaired[mask > 0] != pixels[mask > 0]).any()
    assert main([str(folder), str(tmp_path / "photo.png"), "--out", out]) == 0  # blind


def test_what_is_missing_is_one_line(job: tuple[Path, Record], tmp_path: Path, capsys: Any) -> None:
    folder, _ = job
    assert main([str(folder), str(tmp_path / "none.png")]) == 2
    assert main([str(tmp_path), str(tmp_path / "none.png")]) == 2
    (folder / "checkpoints" / "last.ckpt").unlink()
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    assert main([str(folder), str(tmp_path / "photo.png")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "not trained here" in lines[-1]


def test_a_finished_job_is_loaded_with_its_network_and_the_t_of_each_descent(job: tuple[Path, Record]) -> None:
    folder, record = job
    loaded = load(folder)
    assert not loaded.model.training
    x0 = torch.rand(1, loaded.channels, loaded.size, loaded.size)
    assert loaded.model.reconstruct(x0).image.shape == x0.shape
    measured = {name: record.projections[name]["threshold"] for name in ("inpaint", "inpaint_blind")}
    assert {name: descent.stop for name, descent in loaded.descents.items()} == {
        name: Threshold(value=value) for name, value in measured.items()
    }


def edited(folder: Path, change: Any) -> None:
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    change(record)
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


def hidden_call(record: dict[str, Any]) -> None:
    record["config"]["projections"]["other"] = {"_target_": "torch.load", "f": "evil.pt", "weights_only": False}


def hidden_getter(record: dict[str, Any]) -> None:
    record["config"]["projections"]["inpaint"]["mask"]["path"] = "os.system"


def other_training(record: dict[str, Any]) -> None:
    record["hashes"]["training"] = "0" * 64


def other_latent(record: dict[str, Any]) -> None:
    record["config"]["model"]["net"]["latent"] = 7


def a_texture(record: dict[str, Any]) -> None:
    record["kind"] = "texture"


def nothing_told(record: dict[str, Any]) -> None:
    record["config"] = {}


def no_blind_projection(record: dict[str, Any]) -> None:
    del record["config"]["projections"]["inpaint_blind"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (hidden_call, "asks for torch.load, which is no part of renormal"),
        (hidden_getter, "asks for os.system"),
        (other_training, "trained with another config"),
        (other_latent, "does not fit the model of its record"),
        (a_texture, "patches of a texture"),
        (nothing_told, "lacks model, projections, data"),
        (no_blind_projection, "projection=[inpaint_blind]"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_in_a_line(
    job: tuple[Path, Record], tmp_path: Path, capsys: Any, change: Any, line: str
) -> None:
    edited(job[0], change)
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    assert main([str(job[0]), str(tmp_path / "photo.png"), "--out", str(tmp_path / "out.png")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("out", ["nowhere/x.png", "x", "x.txt"])
def test_a_name_that_cannot_be_written_is_refused_first(out: str, tmp_path: Path, capsys: Any) -> None:
    assert main([str(tmp_path), "photo.png", "--out", str(tmp_path / out)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_thin_scratch_beside_a_block_belongs_to_the_hole(tmp_path: Path) -> None:
    mask = np.zeros((512, 512), dtype=np.uint8)
    mask[300:360, 300:360], mask[:, 97:99] = 255, 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    read = partial(read_mask, tmp_path / "mask.png", size=64, fit="squash", max_pixels=10**8, image_size=(512, 512))
    assert not read()[:30, 12].any(), "nearest neighbour steps over it"
    hole = read(whole=True)
    assert hole[:, 11:14].all()
    assert hole[36:46, 36:46].all()
    assert not hole[:, 20:30].any()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["category=grid", "stages=[train,inpaint]"], "seen in patches"),
        (["projection=[inpaint]", "stages=[train,test]"], "has to be told of a hole"),
        (["inpaint.holes.squares.share=1.5", *HOLES], "inpaint.holes.squares draws nothing"),
        (["model=anogan", "projection=[]", "stages=[train,inpaint]"], "has no f"),
    ],
)
def test_what_could_only_fail_after_the_training_fails_before(tiny: Any, overrides: list[str], line: str) -> None:
    config = tiny(*overrides)
    with pytest.raises(ValueError, match=line):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_the_stage_keeps_what_the_test_has_measured(tiny: Any) -> None:
    config = tiny("stages=[train,test,inpaint]", "projection=[eq8_adam]", "descent.max_steps=3")
    run_job(config)
    report = read_record(Path(config.folder) / "record.json").projections["eq8_adam"]
    assert {"steps_mean", "stopped_fraction", "squares_steps", "mixture_stopped"} <= set(report)
