"""A finished job on a photograph: read back whole, and `renormal-inpaint` repairs inside of the mask only."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from renormal.inspect.inpaint import main, read
from renormal.inspect.load import load
from renormal.job.errors import WorkError
from renormal.job.job import run_job
from renormal.projection import Threshold
from renormal.report.record import Record, read_record


@pytest.fixture(scope="module")
def finished(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job of the stage inpaint, with two projections."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    settings = ("stages=[train,inpaint]", "projection=[inpaint,inpaint_blind]", "descent.max_steps=3")
    run_job(small(*settings, f"folder={folder}"))
    return folder


@pytest.fixture
def job(finished: Path, tmp_path: Path) -> tuple[Path, Record]:
    """A copy of that folder, which a test may change, and its record."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run", read_record(tmp_path / "run" / "record.json")


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


def test_a_job_on_a_texture_is_loaded_with_the_network_of_its_patches(tiny: Any) -> None:
    config = tiny("category=grid", "projection=[eq8]", "test.panels=0")
    run_job(config)
    loaded = load(config.folder)
    assert (loaded.record.data["size"], loaded.size) == (config.data.texture_size, config.data.patch_size)
    x0 = torch.rand(1, loaded.channels, loaded.size, loaded.size)
    assert loaded.model.reconstruct(x0).image.shape == x0.shape


def test_a_photograph_of_16_bit_has_the_scale_of_the_training_images(job: tuple[Path, Record], tmp_path: Path) -> None:
    folder, record = job
    assert (record.data["bits"], record.data["regions"]) == (0, "drawn"), "the drawn images have 8 bit"
    side, loaded = record.data["size"], load(folder)
    Image.fromarray(np.full((side, side), 1000, np.uint16)).save(tmp_path / "photo.png")
    for bits, level in ((10, 250), (12, 62), (None, 3)):  # older records have none
        data = {key: value for key, value in record.data.items() if key != "bits"} | ({"bits": bits} if bits else {})
        own = replace(loaded, record=replace(record, data=data))
        assert (read(tmp_path / "photo.png", None, own, "squash")[0] * 255).unique().tolist() == [level]
    with pytest.raises(ValueError, match=r"photo\.png: has 16 bit, and the training images have 8"):
        read(tmp_path / "photo.png", None, loaded, "squash")


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


def test_the_mend_for_a_job_without_that_projection_is_a_command_that_keeps_its_weights(
    tiny: Any, tmp_path: Path, capsys: Any
) -> None:
    settings = ["projection=[eq5]", "descent.max_steps=3", "test.panels=0"]
    folder = Path(tiny().folder)
    run_job(tiny(*settings))
    weights = read_record(folder / "record.json").hashes["weights"]
    for name in ("photo.png", "mask.png"):
        Image.new("L", (32, 32), 255).convert("RGB").save(tmp_path / name)
    photo, mask, out = (str(tmp_path / name) for name in ("photo.png", "mask.png", "out.png"))
    assert main([str(folder), photo, "--mask", mask, "--out", out]) == 2
    assert main([str(folder), photo, "--out", out]) == 2
    lines = capsys.readouterr().err.splitlines()
    mends = {tuple(re.findall(r"'([^']+)'", line)) for line in lines}
    assert mends == {("stages=[train,inpaint]", "projection=[inpaint,inpaint_blind]")}
    run_job(tiny(*settings, *mends.pop()))
    assert read_record(folder / "record.json").hashes["weights"] == weights
    assert main([str(folder), photo, "--mask", mask, "--out", out]) == 0
    assert main([str(folder), photo, "--out", out]) == 0


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


def through_a_module(record: dict[str, Any]) -> None:
    record["config"]["model"]["net"] = {"_target_": "renormal.models.vae.torch.load", "f": "evil.pt"}


def interpolated(record: dict[str, Any]) -> None:
    record["config"]["evil"] = {"_target_": "os.system", "command": "touch trace"}
    record["config"]["projections"]["inpaint"]["energy"]["loss"] = "${evil}"


def a_large_network(record: dict[str, Any]) -> None:
    record["config"]["model"]["net"]["latent"] = 1_000_000


def a_network_as_projection(record: dict[str, Any]) -> None:
    record["config"]["projections"]["other"] = {"_target_": "renormal.models.VAE", "latent": 1_000_000}


def another_mask(record: dict[str, Any]) -> None:
    blind = record["config"]["projections"]["inpaint_blind"]
    blind["direction"] = {"_target_": "hydra.utils.get_method", "path": "renormal.projection.squared_error"}


def another_size(record: dict[str, Any]) -> None:
    record["data"]["size"] = 10**9


def another_fit(record: dict[str, Any]) -> None:
    record["data"]["fit"] = "oval"


def a_huge_batch(record: dict[str, Any]) -> None:
    part = {"networks": [{"descents": {}, "scores": {}}], "views": [{"mirror": False, "turns": 0}], "good": {}}
    record["inspection"] = part | {"tiles": 1_000_000}


def a_huge_good_score(record: dict[str, Any]) -> None:
    a_huge_batch(record)
    record["inspection"] |= {"tiles": 1, "good": {"baseline": [1e300]}}


def no_net(record: dict[str, Any]) -> None:
    record["config"]["model"] = {}


def projections_of_a_list(record: dict[str, Any]) -> None:
    record["config"]["projections"] = [1]


def another_digest(record: dict[str, Any]) -> None:
    record["hashes"]["weights"] = 64 * "0"


def other_latent(record: dict[str, Any]) -> None:
    record["config"]["model"]["net"]["latent"] = 7


def a_texture(record: dict[str, Any]) -> None:
    record["kind"] = "texture"


def empty_config(record: dict[str, Any]) -> None:
    record["config"] = {}


def no_blind_projection(record: dict[str, Any]) -> None:
    del record["config"]["projections"]["inpaint_blind"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (hidden_call, "asks for torch.load, which is no part of renormal"),
        (through_a_module, "asks for renormal.models.vae.torch.load, which is no part of renormal"),
        (interpolated, "projections.inpaint.energy.loss of the record's config is an interpolation"),
        (a_large_network, "has the shape [100, 32, 2, 2], in the network [1000000, 32, 2, 2]"),
        (a_network_as_projection, "asks for renormal.models.VAE, which is no part of renormal"),
        (another_mask, "the job's projection cannot run: "),
        (another_size, "a value in data.size that no job writes"),
        (a_huge_batch, "inspection.tiles: should be less than or equal to 1024, got 1000000"),
        (a_huge_good_score, "inspection.good.baseline.0: should be less than or equal to 1000000000000000000, got 1e"),
        (another_fit, "a value in data.fit that no job writes"),
        (no_net, "model.net of the record's config names no class"),
        (projections_of_a_list, "config.projections: "),
        (another_digest, "last.ckpt has other weights than its job's record.json"),
        (hidden_getter, "asks for os.system"),
        (other_training, "trained with another config"),
        (other_latent, "does not fit the model of its record"),
        (a_texture, "was trained on tiles of its images"),
        (empty_config, "lacks model, projections, data"),
        (no_blind_projection, "'projection=[inpaint,inpaint_blind]'"),
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


@pytest.mark.parametrize(
    ("error", "status"),
    [(WorkError("it diverged"), 1), (OSError(28, "No space left on device"), 1), (ValueError("no"), 2)],
)
def test_failed_work_has_another_status_than_wrong_input(
    error: Exception, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr("renormal.inspect.inpaint.load", failing)
    assert main([str(tmp_path), "photo.png", "--out", str(tmp_path / "out.png")]) == status


@pytest.mark.parametrize("out", ["nowhere/x.png", "x", "x.txt", "x.psd", "x.mpg", "x.h5"])
def test_a_name_that_cannot_be_written_is_refused_first(out: str, tmp_path: Path, capsys: Any) -> None:
    assert main([str(tmp_path), "photo.png", "--out", str(tmp_path / out)]) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize("lost", ["photo.png", "mask.png", "link.png"])
def test_no_picture_that_is_read_is_written_over(lost: str, tmp_path: Path, capsys: Any) -> None:
    photo, mask, out = tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / lost
    for path in (photo, mask):
        Image.new("RGB", (32, 32)).save(path)
    (tmp_path / "link.png").symlink_to(photo)
    before = photo.read_bytes(), mask.read_bytes()
    assert main([str(tmp_path), str(photo), "--mask", str(mask), "--out", str(out)]) == 2
    assert f"--out {out} is the picture " in capsys.readouterr().err
    assert (photo.read_bytes(), mask.read_bytes()) == before
