"""One job from the real config: what it leaves, what it repeats, what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image

from cutting import cut_at, stop
from preloaded import python
from renormal import load
from renormal.job.build import build_data
from renormal.job.digests import CONTENTS, digest
from renormal.job.fingerprints import fingerprints, listing, parts
from renormal.job.job import run_job
from renormal.lit.module import AutoencoderModule
from renormal.report.record import read_record
from renormal.sweep.ending import undefined
from small import SWEPT
from waiting import HANGING


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
    assert record.data["test_good"] == 2
    spent = {"train": (8, record.training), "test": (5, record.projections["eq8"])}  # 2 good, 1 of each of 3 defects
    for stage, (images, report) in spent.items():
        assert report["images_per_second"] * report["seconds"] == pytest.approx(images)
        assert report["seconds"] < record.seconds[stage], "a part of its stage"
    assert {"data", "train", "test"} == record.seconds.keys()
    assert len(record.panels) == 4  # two samples, two projections
    assert all((folder / panel["file"]).is_file() for panel in record.panels)
    torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_textures_in_bfloat16(tiny: Any) -> None:
    config = tiny("category=grid", "trainer.precision=bf16-mixed", "projections.eq8.precision=bfloat16", "model=dsae")
    run_job(config)
    assert read_record(Path(config.folder) / "record.json").data["channels"] == 1


def test_a_job_has_every_column_of_table_2(tiny: Any) -> None:
    config = tiny("experiment=table2", "data=rehearsal")
    run_job(config)
    record = read_record(Path(config.folder) / "record.json")
    methods = list(dict.fromkeys(name.partition("/")[0] for name in record.metrics))
    assert methods == ["baseline", *config.scores, "eq8_adam"]
    assert set(record.projections) == {"eq8_adam"}
    header, row, *_ = (Path(config.folder) / "samples.csv").read_text().splitlines()
    assert {f"{name}/score" for name in methods} <= set(header.split(","))
    assert len(row.split(",")) == len(header.split(","))


def test_a_further_score_changes_the_fingerprint_and_none_leaves_it(tiny: Any) -> None:
    config = tiny("model=vae")
    source = instantiate(config.data.source, _convert_="all")
    plain = fingerprints(config, source, "32-true")
    more = fingerprints(tiny("model=vae", "+score@scores.kl=kl_gradient"), source, "32-true")
    assert plain["training"] == more["training"], "one training serves all scores"
    assert plain["test"] != more["test"]
    listed = listing(source, source.test)
    older = digest([parts(config, ("projections", "score", "test")), listed, None])
    assert plain["test"].partition(CONTENTS)[0] == older


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
    first = read_record(path)
    run_job(tiny("projections.eq8.step_size=0.1"))
    assert path.stat().st_mtime_ns > written
    assert read_record(path).training == first.training, "the training was not repeated, its numbers stay"


def test_a_checkpoint_is_tested_again_without_training(tiny: Any) -> None:
    run_job(tiny())
    path = Path(tiny().folder) / "record.json"
    first = read_record(path)
    run_job(tiny("stages=[test]", "rerun=true"))
    again = read_record(path)
    assert again.metrics == first.metrics
    assert again.training == first.training


@pytest.mark.parametrize(
    ("override", "trains"), [("+score@scores.msgms=msgms", False), ("model.optimizer.lr=2e-4", True)]
)
def test_a_record_that_is_replaced_says_whether_its_training_is_kept(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, override: str, trains: bool
) -> None:
    run_job(tiny())
    steps: list[int] = []
    begin = AutoencoderModule.on_train_batch_start
    monkeypatch.setattr(
        AutoencoderModule, "on_train_batch_start", lambda *given: (steps.append(given[2]), begin(*given))[1]
    )
    run_job(tiny(override))
    assert bool(steps) == trains
    assert (".json, and its training is kept; name=" in caplog.text) == (not trains)
    assert ("this job replaces the network that renormal-predict uses there" in caplog.text) == trains
    assert "holds the record of another config" in caplog.text


@pytest.mark.parametrize("model", ["l2_ae", "vae"])
def test_an_interrupted_training_ends_as_an_undisturbed_one(tiny: Any, tmp_path: Path, model: str) -> None:
    whole, halves = f"folder={tmp_path / 'whole'}", f"folder={tmp_path / 'halves'}"
    run_job(tiny(whole, "trainer.max_epochs=2", f"model={model}"))
    config = tiny(halves, "trainer.max_epochs=2", f"model={model}")
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
    with pytest.raises(ValueError, match=r"last.ckpt has 1 of 2 epochs: finish that training, or give checkpoint="):
        run_job(tiny(halves, "trainer.max_epochs=2", f"model={model}", "stages=[test]"))
    run_job(config)
    ends = [read_record(tmp_path / place / "record.json") for place in ("whole", "halves")]
    assert ends[0].metrics == ends[1].metrics
    assert ends[0].training["images"] == ends[1].training["images"] == 16
    assert ends[0].training["final_loss"] == ends[1].training["final_loss"]


def test_a_training_that_is_cut_short_is_not_finished(tiny: Any) -> None:
    """Its checkpoint is tested only where it is given by name."""
    config = tiny("trainer.max_epochs=2")
    folder = Path(config.folder)
    with (
        cut_at({2}, stop),  # of two batches an epoch
        pytest.raises(ValueError, match=r"^the training ended after 1.5 of 2 epochs, 12 of 16 images, which"),
    ):
        run_job(config)
    assert not (folder / "record.json").exists()
    with pytest.raises(ValueError, match=r"last.ckpt has 1.5 of 2 epochs: finish that training"):
        run_job(tiny("trainer.max_epochs=2", "stages=[test]"))
    given = f"checkpoint={folder / 'checkpoints' / 'last.ckpt'}"
    run_job(tiny("trainer.max_epochs=2", "stages=[test]", given, f"folder={folder / 'cut'}"))
    assert read_record(folder / "cut" / "record.json").training["epochs"] == 1.5
    run_job(config)
    training = read_record(folder / "record.json").training
    assert (training["epochs"], training["images"]) == (2, 16)


def test_a_training_of_no_image_is_not_tested(tiny: Any) -> None:
    config = tiny("+trainer.max_time=00:00:00:00")
    with pytest.raises(ValueError, match=r"^the training ended after 0 images, which trainer.max_time may ask for"):
        run_job(config)
    assert not (Path(config.folder) / "record.json").exists()


def test_a_training_of_fewer_images_does_not_answer(tiny: Any) -> None:
    """Older records of a training that max_time has stopped have the digests of a whole one."""
    config = tiny()
    run_job(config)
    path = Path(config.folder) / "record.json"
    whole = path.read_text()
    cut = json.loads(whole)
    cut["training"]["images"] = 4
    path.write_text(json.dumps(cut))
    run_job(config)
    assert read_record(path).training["images"] == 8


@pytest.mark.parametrize(
    ("given", "images"),
    [("+trainer.max_steps=1", 4), ("+trainer.limit_train_batches=1", 4), ("+trainer.max_steps=-1", 8)],
)
def test_a_recipe_of_fewer_batches_is_done_with_them(tiny: Any, given: str, images: int) -> None:
    run_job(tiny(given))
    path = Path(tiny().folder) / "record.json"
    assert read_record(path).training["images"] == images
    written = path.stat().st_mtime_ns
    run_job(tiny(given))
    assert path.stat().st_mtime_ns == written, "it answers its own command"
    run_job(tiny())
    assert read_record(path).training["images"] == 8, "and no other"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("+trainer.callbacks=[]", r"trainer.callbacks=\[\]: must be null: a job has its own"),
        ("trainer.max_epochs=-1", "trainer.max_epochs=-1 has no end"),
        ("trainer.max_epochs=null", "trainer.max_epochs=None has no end"),
    ],
)
def test_an_argument_of_the_trainer_that_would_be_lost_is_refused(tiny: Any, given: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        run_job(tiny(given))


def test_an_argument_of_the_trainer_from_the_environment_is_refused(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_TRAINER_LIMIT_TRAIN_BATCHES", "1")
    with pytest.raises(ValueError, match=r"unset it, and give \+trainer.limit_train_batches=... instead"):
        run_job(tiny())


def test_other_images_are_another_run(tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def photographs(place: str, count: int) -> str:
        for kind, number in (("good", 6), ("scratched", count)):
            folder = tmp_path / place / "hinge" / kind
            folder.mkdir(parents=True)
            for index in range(number):
                noise = Image.effect_noise((40 + index, 32), 60)
                noise.save(folder / f"{index}.png")
        return f"data.root={tmp_path / place / 'hinge'}"

    caplog.set_level("INFO", "renormal")
    run_job(tiny("data=folder", photographs("a", 2)))
    names = "pixel_auroc, average_precision, aupro, best_f1, aupimo, f1"
    path = Path(tiny().folder) / "record.json"
    assert f"{names} not defined: no defective image has a mask" in undefined([read_record(path)])
    assert "not defined" not in caplog.text, "the command says it once, after all jobs"
    assert " s: image AUROC baseline" in caplog.text
    assert read_record(path).category == "hinge"
    assert "baseline/image_auroc" in read_record(path).metrics
    assert "baseline/pixel_auroc" not in read_record(path).metrics
    run_job(tiny("data=folder", photographs("b", 3)))
    assert read_record(path).data["test_defective"] == 3


def test_an_image_that_changes_between_its_digest_and_its_decoding_ends_the_job(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(4):
        (tmp_path / "hinge").mkdir(exist_ok=True)
        Image.effect_noise((32, 32), 40 + index).save(tmp_path / "hinge" / f"{index}.bmp")

    def edited(*given: Any) -> Any:
        Image.effect_noise((32, 32), 99).save(tmp_path / "hinge" / "1.bmp")
        return build_data(*given)

    monkeypatch.setattr("renormal.job.job.build_data", edited)
    with pytest.raises(ValueError, match="hinge: images were changed while they were read: start the job again"):
        run_job(tiny("data=folder", f"data.root={tmp_path / 'hinge'}"))


def test_weights_given_by_hand_are_named_in_the_record(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(f"folder={tmp_path / 'a'}"))
    run_job(tiny(f"folder={tmp_path / 'b'}", "seed=1"))
    other = tmp_path / "b" / "checkpoints" / "last.ckpt"
    run_job(tiny(f"folder={tmp_path / 'a'}", "stages=[test]", f"checkpoint={other}"))
    mixed, source = (read_record(tmp_path / place / "record.json") for place in ("a", "b"))
    assert mixed.hashes["training"] == source.hashes["training"]
    assert mixed.training == source.training
    assert mixed.metrics == source.metrics


def test_a_state_dict_that_torch_saved_is_tested_as_the_checkpoint_that_holds_it(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny(f"folder={tmp_path / 'a'}"))
    net, bare = load(tmp_path / "a").model, tmp_path / "net.pt"
    torch.save(net.state_dict(), bare)
    given = tiny(f"folder={tmp_path / 'b'}", "stages=[test]", f"checkpoint={bare}")
    run_job(given)
    with caplog.at_level("INFO", logger="renormal"):
        run_job(given)
    assert "already has the record of this config" in caplog.text
    assert not [*(tmp_path / "b").glob("other-*")]
    own, source = (read_record(tmp_path / place / "record.json") for place in ("b", "a"))
    assert own.metrics == source.metrics
    assert own.training == {}
    assert torch.equal(next(load(tmp_path / "b").model.parameters()), next(net.parameters()))
    torch.save({"weight": torch.ones(1)}, bare)
    with pytest.raises(
        ValueError, match=r"net\.pt does not fit model=l2_ae on bottle: \S+ is missing, and the network has no weight$"
    ):
        run_job(given)


def test_weights_in_the_usual_files_of_others_are_tested_and_a_line_says_what_was_taken(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny(f"folder={tmp_path / 'a'}"))
    weights, usual = load(tmp_path / "a").model.state_dict(), tmp_path / "usual.pt"
    torch.save({"epoch": 3, "model": {f"module._orig_mod.{name}": one for name, one in weights.items()}}, usual)
    with caplog.at_level("INFO", logger="renormal"):
        run_job(tiny(f"folder={tmp_path / 'b'}", "stages=[test]", f"checkpoint={usual}"))
    assert f"{usual}: the weights are taken under model, without module._orig_mod. before each name" in caplog.text
    own, source = (read_record(tmp_path / place / "record.json") for place in ("b", "a"))
    assert own.metrics == source.metrics
    assert torch.equal(next(load(tmp_path / "b").model.parameters()), next(iter(weights.values())))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["stages=[test]"], "last.ckpt does not exist: train first"),
        (["checkpoint=/nowhere.ckpt"], "add stages=\\[test\\]"),
        (["stages=[test]", "checkpoint=/nowhere.ckpt"], "checkpoint=/nowhere.ckpt does not exist"),
        (["category=grid", "test.stride=48"], "textures need 0 < test.stride <= data.patch_size <= .* test.stride=48"),
        (["category=grid", "data.shrink=[1,4]"], "data.shrink=4 needs data.texture_size=64 to be a multiple of it"),
        (["data.shrink=[1,2]"], "data.shrink=2 needs data.object_tiles=true"),
        (["category=grid", "data.shrink=[2,1]"], r"data.shrink=\[2, 1\] must begin with 1"),
        (["test.samples=0"], "test.samples=0: must be a whole number ≥ 1"),
        (["test.curves=[eq9]"], r"test.curves names \['eq9'\], projection has"),
        (["score=kl_gradient"], "needs a variational model, got L2AE; set model=vae, or another score"),
        (["+score@scores.kl=kl_gradient"], "needs a variational model, got L2AE; set model=vae, or another score"),
        (["+scores.kl.sigma=3"], r"scores.kl=.*: must be a score: add it with '\+score@scores"),
        (["model=vae", "+score@scores.eq8=kl_gradient"], "eq8: a score and a projection cannot share a column's name"),
        (
            ["model=vae", "+score@scores.kl=kl_gradient", "category=grid", "test.average=pixels"],
            "32 px, got 64: set test.average=maps",
        ),
        (["score.window=99"], "must be odd and fit the image"),
        (["+projections.eq9.precision=float32"], "projections.eq9=.*: must be a descent: add it to projection"),
    ],
)
def test_what_cannot_run_says_so(tiny: Any, overrides: list[str], message: str) -> None:
    with pytest.raises((ValueError, InstantiationException), match=message):
        run_job(tiny(*overrides))
    assert not list(Path(tiny().folder).rglob("*.ckpt")), "it said so before training"


def test_weights_of_another_training_are_refused(tiny: Any) -> None:
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
        (["data=folder", "data.root=photos"], "renormal: photos/broken.png: "),
    ],
)
def test_the_command_ends_in_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    (tmp_path / "photos").mkdir()
    for index in range(3):
        Image.new("L", (32, 32)).save(tmp_path / "photos" / f"{index}.png")
    whole = (tmp_path / "photos" / "0.png").read_bytes()
    (tmp_path / "photos" / "broken.png").write_bytes(whole[: len(whole) // 2])
    command = [python(), "-m", "renormal.run", *arguments]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=HANGING)
    assert end.returncode == 2
    assert end.stderr.strip().startswith(line)
    assert len(end.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("root", "line"),
    [
        ("prats/", "data.root=prats/ is not a folder ({here}/prats): correct it"),
        ("empty", "empty: no training images; put photographs of good parts into empty"),
        ("phone", "phone/1.heic: not a readable kind of image (bmp, jpeg, jpg, png, tif, tiff); convert it"),
    ],
)
def test_a_folder_without_photographs_is_named_before_the_libraries_load(tmp_path: Path, root: str, line: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "1.heic").touch()
    command = [python(), "-m", "renormal.run", "experiment=inspect", f"data.root={root}"]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=HANGING)
    assert end.returncode == 2
    assert end.stderr.startswith(f"renormal: {line.format(here=tmp_path.resolve())}")
    assert end.stdout == "", "the line that a job starts comes before the libraries"
    assert not list(tmp_path.rglob("0"))


def test_a_training_that_failed_ends_with_another_status_than_wrong_input(tmp_path: Path) -> None:
    command = [python(), "-m", "renormal.run", *SWEPT, "model.optimizer.lr=100"]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=HANGING)
    assert end.returncode == 1
    assert end.stderr.splitlines()[-1].startswith("renormal: the training loss is not finite")


def test_an_energy_that_the_model_cannot_answer_ends_the_job_before_its_training(tiny: Any) -> None:
    config = tiny("model=l2_ae", "projection=[eq8,map_tv]")
    with pytest.raises(ValueError, match=r"^projections.map_tv.energy: kl_weight=1, but L2AE has no KL term: take a"):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_map_restoration_and_a_kl_term_in_eq_8(tiny: Any) -> None:
    config = tiny(
        "model=vae", "projection=[eq8,map_tv]", "projections.map_tv.max_steps=3", "projections.eq8.energy.kl_weight=0.1"
    )
    run_job(config)
    report = read_record(Path(config.folder) / "record.json").projections
    assert (report["map_tv"]["steps_mean"], report["map_tv"]["threshold"]) == (3, None)


def test_a_grey_autoencoder_at_256_pixels(tiny: Any) -> None:
    config = tiny("model=ae_ssim", "data.channels=1", "data.object_size=256", "data.epoch_images=4")
    run_job(config)
    record = read_record(Path(config.folder) / "record.json")
    assert (record.data["size"], record.data["channels"]) == (256, 1)
