"""continue=FOLDER trains the network of a finished job further; how it sees an image comes from that job."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from cutting import assert_equal, cut_at, lose_power
from recipes import recipe
from renormal.data import folder
from renormal.inspect.load import inspector_of, load
from renormal.inspect.network_settings import network_settings
from renormal.job.continued import continued_config, weaker_threshold
from renormal.job.fingerprints import images_before, source_of
from renormal.job.job import run_job
from renormal.job.trained_on import parted, seen_by
from renormal.lit.module import AutoencoderModule
from renormal.report.decide import Decision
from renormal.report.record import read_record
from small import SMALL

OWN = ["data=parts", "model=repair_ae", "model.net.width=8", "data.fit=crop", "data.kind=object"]
LATER = [one for one in SMALL if not one.startswith(("data.object", "data.texture", "data.patch"))]


def photographs(folder: Path, count: int, *, shade: int = 0, mode: str = "RGB") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels = Image.radial_gradient("L").point(lambda value, by=shade + 3 * index: (value + by) % 256)
        pixels.resize((48, 40)).convert(mode).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job of 32 px."""
    place = tmp_path_factory.mktemp("before")
    config = recipe(*SMALL, *OWN, f"data.root={photographs(place / 'parts', 6)}", f"folder={place / 'run'}")
    OmegaConf.resolve(config)
    run_job(config)
    return place / "run"


def further(before: Path, place: Path, *typed: str, mode: str = "RGB") -> DictConfig:
    """The config of a job that goes on with other photographs, resolved. The recipe has other sizes and another fit."""
    root = photographs(place / "more", 6, shade=90, mode=mode)
    places = [f"data.root={root}", f"continue={before}", f"folder={place / 'run'}"]
    config = recipe(*LATER, "data=parts", "model=repair_ae", *places, *typed)
    config = continued_config(config, network_settings(before), typed)
    OmegaConf.resolve(config)
    return config


def weights(folder: Path) -> dict[str, Any]:
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return {name.removeprefix("model."): value for name, value in content["state_dict"].items()}


def begun_with(config: DictConfig) -> dict[str, Any]:
    """The weights before the first step of a training, which is then broken off."""
    found: dict[str, Any] = {}

    def look(module: AutoencoderModule) -> None:
        found.update({name: value.clone() for name, value in module.model.state_dict().items()})
        raise RuntimeError("seen")

    with cut_at({0}, look), pytest.raises(RuntimeError, match="seen"):
        run_job(config)
    return found


def test_a_training_begins_with_the_weights_of_the_finished_job(before: Path, tmp_path: Path) -> None:
    config = further(before, tmp_path)
    assert_equal(begun_with(config), weights(before))
    run_job(config)
    record, first = read_record(tmp_path / "run" / "record.json"), read_record(before / "record.json")
    assert record.hashes["continue"] == first.hashes["weights"]
    assert record.hashes["weights"] != first.hashes["weights"]
    assert "pixel_auroc" in record.undefined, "only good photographs were tested"
    assert record.training["images_before"] == first.training["images"] > 0
    assert "images_before" not in first.training
    assert [record.data[key] for key in ("size", "channels", "fit")] == [32, 3, "crop"]
    assert (record.kind, record.config["model"]["net"]["width"]) == ("object", 8)


def test_the_images_of_all_trainings_before_count(before: Path, tmp_path: Path) -> None:
    """A short training of a network that has seen many images warned that they were few."""
    first, second = before / "record.json", tmp_path / "run" / "record.json"
    run_job(further(before, tmp_path))
    third = OmegaConf.create({"continue": str(second.parent)})
    one, other = (read_record(path).training["images"] for path in (first, second))
    assert images_before(third) == {"images_before": (one or 0) + (other or 0)}
    assert images_before(OmegaConf.create({"continue": None})) == {}


def test_an_interrupted_training_goes_on_from_its_own_weights(before: Path, tmp_path: Path) -> None:
    whole = further(before, tmp_path / "whole", "trainer.max_epochs=2")
    run_job(whole)
    cut = further(before, tmp_path / "cut", "trainer.max_epochs=2")
    with cut_at({2}, lose_power, save_at={1}), pytest.raises(RuntimeError, match="power"):
        run_job(cut)
    run_job(cut)
    assert_equal(weights(tmp_path / "cut" / "run"), weights(tmp_path / "whole" / "run"))


def test_a_job_whose_network_was_trained_anew_is_continued_anew(before: Path, tmp_path: Path) -> None:
    """The digest of its weights is part of the training's."""
    config = further(before, tmp_path)
    run_job(config)
    content = json.loads((before / "record.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "checkpoints").symlink_to(before / "checkpoints")
    (other / "record.json").write_text(json.dumps(content | {"hashes": content["hashes"] | {"weights": "0" * 64}}))
    OmegaConf.update(config, "continue", str(other))
    with pytest.raises(ValueError, match="has other weights than its job's record"):
        run_job(config)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("data.kind=texture", r"^data.kind=texture: the job \S+ has data.kind=object: leave data.kind out"),
        ("data.fit=squash", "has data.fit=crop: leave data.fit out"),
        ("data.object_size=64", "has data.object_size=32: leave data.object_size out"),
        ("data.channels=1", "has data.channels=3: leave data.channels out"),
        ("model.net.width=16", "leave model.net.width out"),
        ("model=l2_ae", "has model.name=repair_ae: leave model out"),
    ],
)
def test_what_the_command_says_otherwise_is_one_line(before: Path, tmp_path: Path, typed: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        further(before, tmp_path, typed)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("score=segmented", "a model that has learned to segment: RepairAE has not; set another score"),
        ("score=second", "a model with a second autoencoder: RepairAE has none; set another score"),
        ("score=kl_gradient", "a variational model, got RepairAE; set another score"),
        ("+score@scores.kl=kl_gradient", "a variational model, got RepairAE; set another score"),
        ("stages=[train,sample]", "a variational autoencoder: leave it out of stages="),
    ],
)
def test_what_the_network_cannot_answer_is_refused_without_advice_of_another_model(
    before: Path, tmp_path: Path, typed: str, line: str
) -> None:
    """With continue= the model cannot be changed."""
    with pytest.raises(ValueError, match=f" needs {line}$"):
        run_job(further(before, tmp_path, typed))
    assert not list((tmp_path / "run").rglob("*.ckpt"))


@pytest.mark.parametrize("typed", ["data.kind=object", "model=repair_ae", "model.net.width=8", "batch_size=2"])
def test_what_the_command_says_the_same_is_taken(before: Path, tmp_path: Path, typed: str) -> None:
    assert further(before, tmp_path, typed).data.kind == "object"


def test_grey_photographs_are_read_in_colour_only_if_that_is_said(before: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"more: the photographs are grey, and those of \S+ were in colour: .*data.ch"):
        further(before, tmp_path, mode="L")
    assert further(before, tmp_path, "data.channels=3", mode="L").data.channels == 3


def test_the_new_job_needs_a_folder_of_its_own(before: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the new job has the same folder: add name=\.\.\."):
        further(before, tmp_path, f"folder={before}")


def changed(before: Path, place: Path, change: dict[str, Any]) -> Path:
    """A copy of the finished job, with another value in its record's model."""
    content = json.loads((before / "record.json").read_text())
    content["config"]["model"] |= change
    place.mkdir()
    (place / "checkpoints").symlink_to(before / "checkpoints")
    (place / "record.json").write_text(json.dumps(content))
    return place


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"net": {"_target_": "os.system"}}, "asks for os.system, which is no part of renormal: it is not run$"),
        ({"net": {"_target_": "mine.Net"}}, "asks for mine.Net, which is no part of renormal: it is not run$"),
        ({"energy_loss": {"_target_": "os.system"}}, "asks for os.system"),
        ({"module": {"_target_": "hydra.utils.get_class", "path": "a.b"}}, "its network has several losses"),
    ],
)
def test_a_stranger_s_job_names_objects_of_renormal_alone(
    before: Path, tmp_path: Path, change: dict[str, Any], line: str
) -> None:
    with pytest.raises(ValueError, match=f"^continue={tmp_path}/job: .*{line}"):
        network_settings(changed(before, tmp_path / "job", change))


def test_a_job_without_a_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^continue={tmp_path}: {tmp_path}/record.json: does not exist"):
        network_settings(tmp_path)


def test_a_side_that_the_photographs_gave_is_kept(tmp_path: Path) -> None:
    own = [*OWN, "data.object_size=null", "data.patch_size=16", "data.object_tiles=true", "test.stride=16"]
    root, run = photographs(tmp_path / "parts", 6), tmp_path / "run"  # of 48 × 40 pixels
    config = recipe(*SMALL, *own, f"data.root={root}", f"folder={run}")
    OmegaConf.resolve(config)
    run_job(config)
    assert network_settings(run)["data.object_size"] == read_record(run / "record.json").data["size"] == 32
    assert load(run).inspect(root / "0.png").map.shape == (40, 48)


def decision_of(config: DictConfig) -> Decision:
    run_job(config)
    return inspector_of(Path(config.folder)).decision


HOLDING = ("choose.holdout=3", "test.holdout=2", "test.normal_images=6", "projection=[eq5]")


def test_what_the_network_knows_trains_again_and_thresholds_are_of_new_photographs(
    before: Path, tmp_path: Path
) -> None:
    config = further(before, tmp_path, *HOLDING)
    known = sorted((before.parent / "parts").iterdir())[:4]
    for path in known:  # under other names
        (tmp_path / "more" / f"0{path.name}").write_bytes(path.read_bytes())
    seen = seen_by(str(before))
    assert seen is not None
    source = source_of(config)
    digests = {item: sha256(item.image.read_bytes()).hexdigest() for item in source.items}
    assert not seen & {digests[item] for item in (*source.spare, *source.apart)}
    assert {digests[item] for item in source.train} & seen
    assert source.spare
    assert source.apart
    again = f"more: 4 of {len(source.train) + len(source.spare) + len(source.apart)} good photographs were in the"
    assert f"{again} training of {before} and train again" in source.remarks
    assert decision_of(config).held_out
    both = seen_by(config.folder)
    assert both is not None
    assert both == seen | {digests[item] for item in source.train}, "a third job knows what both have seen"


def test_a_threshold_of_fewer_photographs_than_before_is_one_line(
    before: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = read_record(before / "record.json")
    good = {name: [0.1] * 9 for name in record.inspection["good"]}
    nine = {"inspection": record.inspection | {"held_out": True, "good": good}}
    job = changed(before, tmp_path / "nine", {})
    (job / "record.json").write_text(json.dumps(json.loads((job / "record.json").read_text()) | nine))
    config = further(job, tmp_path, *HOLDING)
    source = replace(source_of(config), spare=source_of(config).train[:1], apart=tuple(source_of(config).items[:3]))
    (line,) = weaker_threshold(config, source)
    assert line.startswith(f"more: the threshold comes from 3 new photographs, and that of {job} from 9: up to 25 % of")
    assert line.endswith(
        "be called defective; if that is too many, train anew on old and new together, without continue="
    )
    chosen = OmegaConf.merge(config, {"stages": ["choose", "test"]})
    assert "defective, and settings are chosen on 1 photograph; if" in weaker_threshold(chosen, source)[0]
    assert weaker_threshold(config, replace(source, apart=source.train * 9)) == []
    assert "comes from 1 new photograph, and" in weaker_threshold(config, replace(source, apart=source.train[:1]))[0]
    assert "any number of good parts" in weaker_threshold(config, replace(source, apart=(), spare=()))[0]
    run_job(config)
    assert [one.levelname for one in caplog.records if "the threshold comes from" in one.message] == ["WARNING"]


def test_a_job_that_says_not_what_it_was_trained_on_promises_nothing(before: Path, tmp_path: Path) -> None:
    older = changed(before, tmp_path / "older", {})
    config = further(older, tmp_path, *HOLDING)
    assert any(
        "nobody knows which photographs its network was trained on" in line for line in source_of(config).remarks
    )
    assert not decision_of(config).held_out
    assert seen_by(config.folder) is None


def test_a_photograph_that_is_tested_and_was_trained_on_before_is_one_line(before: Path, tmp_path: Path) -> None:
    config = further(before, tmp_path)
    tested = tmp_path / "more" / "test" / "good" / "x.png"
    tested.parent.mkdir(parents=True)
    (tmp_path / "more" / "train").mkdir()
    for path in sorted((tmp_path / "more").glob("*.png")):
        path.rename(tmp_path / "more" / "train" / path.name)
    known = next(iter(sorted((before.parent / "parts").iterdir())))
    tested.write_bytes(known.read_bytes())
    (line,) = [line for line in source_of(config).remarks if "test photographs" in line]
    assert line.startswith(f"more: 1 of 1 test photographs were in the training of {before} (test/good/x.png)")


def test_photographs_that_are_all_known_train_again_and_none_is_set_apart(before: Path) -> None:
    source = folder(before.parent / "parts")
    seen = seen_by(str(before))
    train = tuple(one for one in source.items if sha256(one.image.read_bytes()).hexdigest() in (seen or ()))
    source = parted(replace(source, train=train, test=()), str(before), spare=3, apart=2, fold=0)
    assert (source.train, source.spare, source.apart) == (train, (), ())
    assert source.remarks[-1].endswith("train again: too few are new, and none of them is held out or set apart")
