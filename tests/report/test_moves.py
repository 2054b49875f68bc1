"""Records of model=vae from before model.net.sigma become records of vae_unit: names change, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from made_up import made_up

from renormal.report.moves import moves
from renormal.report.record import read_record, write_record

FORMER = {"folder": "outputs/t/vae/grid/0", "model": {"name": "vae", "net": {"latent": 100}}}


def written(root: Path, model: str, config: dict[str, object], seed: int = 0) -> Path:
    place = root / model / "grid" / str(seed)
    place.mkdir(parents=True)
    write_record(place, made_up(model, "grid", seed, config=config))
    return place


def test_a_record_moves_with_its_files_and_keeps_its_numbers(tmp_path: Path) -> None:
    old, other = written(tmp_path, "vae", FORMER), written(tmp_path, "dsae", {"model": {"name": "dsae"}})
    (old / "panel.png").write_bytes(b"picture")
    (old / "choice.json").write_text(json.dumps({"model": "vae", "best": 0.9}))
    before, untouched = read_record(old / "record.json"), (other / "record.json").read_bytes()
    new = tmp_path / "vae_unit" / "grid" / "0"
    assert list(moves(tmp_path)) == [(old, new)]
    after = read_record(new / "record.json")
    assert (after.model, after.config["model"]["name"], after.config["model"]["paper"]) == (
        "vae_unit",
        "vae_unit",
        "vae",
    )
    assert after.config["folder"] == "outputs/t/vae_unit/grid/0"
    assert (after.metrics, after.hashes, after.seconds) == (before.metrics, before.hashes, before.seconds)
    assert json.loads((new / "choice.json").read_text()) == {"model": "vae_unit", "best": 0.9}
    assert (new / "panel.png").read_bytes() == b"picture"
    assert not (tmp_path / "vae").exists()
    assert (other / "record.json").read_bytes() == untouched
    assert list(moves(tmp_path)) == []


def test_a_record_with_a_sigma_stays(tmp_path: Path) -> None:
    written(tmp_path, "vae", {"model": {"name": "vae", "net": {"sigma": 0.5}}})
    assert list(moves(tmp_path)) == []


def test_after_a_kill_between_its_two_steps_the_same_command_goes_on(tmp_path: Path) -> None:
    place = written(tmp_path, "vae", FORMER)
    end = tmp_path / "vae_unit" / "grid" / "0"
    end.parent.mkdir(parents=True)
    place.rename(end)
    assert list(moves(tmp_path)) == [(end, end)]
    assert read_record(end / "record.json").model == "vae_unit"


def test_a_place_that_is_taken_is_an_error_before_anything_moves(tmp_path: Path) -> None:
    first, second = written(tmp_path, "vae", FORMER), written(tmp_path, "vae", FORMER, seed=1)
    (tmp_path / "vae_unit" / "grid" / "1").mkdir(parents=True)
    command = [sys.executable, "-m", "renormal.report.moves", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == f"{tmp_path}/vae_unit/grid/1: there is something already; move it elsewhere"
    assert first.is_dir()
    assert second.is_dir()


def test_a_folder_that_is_none_is_said() -> None:
    done = subprocess.run([sys.executable, "-m", "renormal.report.moves", "nowhere"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m renormal.report.moves FOLDER")
