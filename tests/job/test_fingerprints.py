"""What the fingerprints of a job depend on."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from renormal.data import CATEGORIES, Augmentation
from renormal.job.digests import CONTENTS, digest, same_weights, same_work
from renormal.job.fingerprints import TEST, fingerprints, parts, parts_of_test, parts_of_training, source_of
from renormal.job.former_sources import MVTEC

OWN = {"barebones", "callbacks", "default_root_dir", "enable_checkpointing", "logger", "plugins"}  # a job's


def name_of(config: DictConfig) -> str:
    return digest(parts(config, TEST))


def both(config: DictConfig) -> str:
    return digest([parts_of_training(config), parts_of_test(config)])


def without(config: DictConfig, key: str) -> DictConfig:
    """The config as it was before `key` existed."""
    projections: Any = OmegaConf.to_container(config.projections)
    for projection in projections.values():
        del projection["energy"][key]
    return OmegaConf.merge(OmegaConf.to_container(config), {"projections": None}, {"projections": projections})


def test_a_kl_weight_of_0_has_the_fingerprint_from_before_it_existed(tiny: Any) -> None:
    config = tiny()
    assert "kl_weight" in config.projections.eq8.energy
    assert name_of(config) == name_of(without(config, "kl_weight"))


def test_a_kl_weight_changes_the_fingerprint(tiny: Any) -> None:
    names = {name_of(tiny(f"projections.eq8.energy.kl_weight={weight}")) for weight in (0.0, 0.5, 1.0)}
    assert len(names) == 3


@pytest.mark.parametrize("score", ["dssim", "squared_error"])
def test_a_score_that_smooths_nothing_has_the_fingerprint_from_before_it_could(tiny: Any, score: str) -> None:
    config = tiny(f"score={score}")
    before: Any = OmegaConf.to_container(config.score)
    del before["smooth"]
    older = OmegaConf.merge(OmegaConf.to_container(config), {"score": None}, {"score": before})
    assert name_of(config) == name_of(older)
    names = {name_of(tiny(f"score={score}", f"score.smooth.{width}")) for width in ("mean=9", "gaussian=1.5")}
    assert len({*names, name_of(config)}) == 3


def test_without_flips_the_fingerprint_is_that_from_before_there_were_any(tiny: Any) -> None:
    config = tiny()
    before: Any = OmegaConf.to_container(config.test)
    del before["flips"]
    older = OmegaConf.merge(OmegaConf.to_container(config), {"test": None}, {"test": before})
    assert name_of(config) == name_of(older) != name_of(tiny("test.flips=true"))


def test_draws_of_a_vae_are_part_of_the_test_and_not_of_the_training(tiny: Any) -> None:
    plain, drawn = tiny("model=vae"), tiny("model=vae_draws")
    assert digest(parts_of_training(plain)) == digest(parts_of_training(drawn))
    assert digest(parts_of_test(plain)) != digest(parts_of_test(drawn))
    older: Any = OmegaConf.to_container(plain)
    del older["model"]["net"]["draws"]
    assert both(OmegaConf.create(older)) == both(plain)


def test_the_defects_planted_before_a_test_change_no_fingerprint(tiny: Any) -> None:
    assert both(tiny("test.planted=0")) == both(tiny("test.planted=7"))


def test_other_settings_of_0_count(tiny: Any) -> None:
    config = tiny()
    assert name_of(config) != name_of(without(config, "weight"))


@pytest.mark.parametrize("key", ["limit_train_batches", "max_steps", "accumulate_grad_batches", "limit_test_batches"])
def test_a_shortened_trial_changes_the_fingerprint(tiny: Any, key: str) -> None:
    assert both(tiny(f"+trainer.{key}=3")) != both(tiny()) == both(tiny(f"+trainer.{key}=null"))


def test_a_key_that_is_a_number_stays_one_in_the_digest(tiny: Any) -> None:
    """JSON sorts numbers by value and text by its letters: 8 before 16, "16" before "8"."""
    config = OmegaConf.create(OmegaConf.to_container(tiny()))
    config.model.net["width_at"] = {8: 64, 16: 32}
    assert parts(config, ["model.net"])["model.net"]["width_at"] == {8: 64, 16: 32}


ARGUMENTS = {name: given.default for name, given in inspect.signature(L.Trainer).parameters.items()}
OTHERWISE = {"devices", "precision", "max_epochs", "use_distributed_sampler"}  # the recipe differs from Lightning here
WITHOUT_EFFECT = {  # on a number
    *("accelerator", "precision", "devices", "num_nodes", "log_every_n_steps", "profiler", "model_registry"),
    *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "enable_autolog_hparams"),
    *("inference_mode", "detect_anomaly", "limit_val_batches", "limit_predict_batches", "val_check_interval"),
    *("check_val_every_n_epoch", "num_sanity_val_steps"),
}


@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - OWN))
def test_every_argument_of_the_trainer_counts_unless_it_cannot_change_a_number(tiny: Any, name: str) -> None:
    """One that Lightning adds counts, too."""
    assert (both(tiny(f"++trainer.{name}=7")) == both(tiny())) == (name in WITHOUT_EFFECT)


@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - OWN - OTHERWISE))
def test_the_default_of_an_argument_leaves_the_fingerprint(tiny: Any, name: str) -> None:
    default = "null" if ARGUMENTS[name] is None else ARGUMENTS[name]
    assert both(tiny(f"++trainer.{name}={default}")) == both(tiny())


def test_one_batch_is_not_all_of_them(tiny: Any) -> None:
    """Lightning takes limit_train_batches=1 for one batch and 1.0 for all."""
    one, every = (both(tiny(f"+trainer.limit_train_batches={value}")) for value in ("1", "1.0"))
    assert one != every == both(tiny())


def test_several_devices_are_counted_and_their_connection_is_not(tiny: Any) -> None:
    alone, ddp = tiny(), tiny("trainer=ddp", "trainer.accelerator=cpu")
    assert both(alone) == both(ddp)
    hooked = tiny("trainer=ddp", "trainer.accelerator=cpu", "+trainer.strategy.ddp_comm_hook=fp16")
    assert both(hooked) != both(ddp), "gradients are rounded on their way"


@pytest.mark.parametrize("name", ["fast_dev_run", "limit_test_batches", "deterministic"])
def test_what_changes_a_test_is_part_of_its_fingerprint(tiny: Any, name: str) -> None:
    assert parts_of_test(tiny(f"++trainer.{name}=2")) != parts_of_test(tiny())


def test_another_module_trains_in_another_way(tiny: Any) -> None:
    given = "+model.module={_target_: hydra.utils.get_class, path: mine.Module}"
    assert parts_of_training(tiny(given)) != parts_of_training(tiny())
    anogan = tiny("model=anogan", "projection=[anogan]")
    assert "model.module" in parts_of_training(tiny(given)).keys() - parts_of_training(anogan).keys()


def photographs(root: Path) -> Path:
    for place in ("train/good", "test/good", "test/scratch", "ground_truth/scratch"):
        (root / place).mkdir(parents=True)
        for index in range(2):
            Image.new("L", (32, 32), 40 + index).save(root / place / f"{index}.bmp")
    return root


def hashes(config: DictConfig) -> dict[str, str]:
    return fingerprints(config, source_of(config), "32-true")


@pytest.mark.parametrize(
    "override",
    [
        *("data.source.kind=texture", "data.source.fit=crop", "data.source.augmentation.rotate=180"),
        *("data.source.augmentation.mirror_x=true", "data.kind=texture", "data.augmentation.translate=0.1"),
    ],
)
def test_the_data_set_that_is_built_counts(tiny: Any, tmp_path: Path, override: str) -> None:
    given = ["data=folder", f"data.root={photographs(tmp_path / 'hinge')}"]
    plain, other = hashes(tiny(*given)), hashes(tiny(*given, override))
    assert plain["training"] != other["training"]
    assert plain["data"] == other["data"], "the files are the same"


def test_a_table_in_code_counts(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = hashes(tiny())
    monkeypatch.setitem(CATEGORIES, "bottle", ("object", Augmentation(rotate=180)))
    assert hashes(tiny())["training"] != plain["training"]


def test_the_table_of_the_published_records_is_that_of_today() -> None:
    """A category that is built otherwise on purpose has another digest from then on, and leaves this test."""
    assert {name: (kind, "squash", moves) for name, (kind, moves) in CATEGORIES.items()} == MVTEC


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("train/good/1.bmp", {"training", "data"}),
        ("test/good/1.bmp", {"test", "data"}),
        ("ground_truth/scratch/1.bmp", {"test", "data"}),
    ],
)
def test_a_file_that_is_edited_in_place_counts_though_its_size_stays(
    tiny: Any, tmp_path: Path, file: str, changed: set[str]
) -> None:
    config = tiny("data=folder", f"data.root={photographs(tmp_path / 'hinge')}")
    before, path = hashes(config), tmp_path / "hinge" / file
    size = path.stat().st_size
    Image.new("L", (32, 32), 99).save(path)
    assert path.stat().st_size == size
    after = hashes(config)
    assert {part for part in after if after[part] != before[part]} == changed


def test_data_have_the_same_fingerprint_elsewhere(tiny: Any, tmp_path: Path) -> None:
    places = [photographs(tmp_path / name / "hinge") for name in "ab"]
    (places[0] / "notes.txt").write_text("said in a line, with the path: no number depends on it")
    one, other = (hashes(tiny("data=folder", f"data.root={place}")) for place in places)
    assert one == other


def test_a_label_that_the_folder_does_not_say_counts(tiny: Any, tmp_path: Path) -> None:
    config = tiny("data=folder", f"data.root={photographs(tmp_path / 'hinge')}")
    source = source_of(config)
    good = tuple(item._replace(defect="good", mask=None) if item.mask else item for item in source.test)
    bad = tuple(item._replace(mask=None) if item.mask else item for item in source.test)
    one, other = (fingerprints(config, replace(source, test=test), "32-true")["test"] for test in (good, bad))
    assert not same_work(one, other)
    assert not same_work(one.partition(CONTENTS)[0], other), "not even in a record without contents"


def test_a_digest_without_contents_is_taken_at_its_word() -> None:
    old, new, edited, two = "ab12", "ab12.77", "ab12.88", "ab12.77x2"
    assert same_work(old, new)
    assert not same_work(edited, new)
    assert not same_work("ab13", new)
    assert not same_work(two, new)
    assert same_weights(two, new)
    assert not same_weights(edited, two)
