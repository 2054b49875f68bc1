"""What the fingerprints of a job depend on."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from renormal.job.fingerprints import TEST, TRAINING, digest, parts


def name_of(config: DictConfig) -> str:
    return digest(parts(config, TEST))


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


def test_other_settings_of_0_count(tiny: Any) -> None:
    config = tiny()
    assert name_of(config) != name_of(without(config, "weight"))


@pytest.mark.parametrize("key", ["limit_train_batches", "max_steps", "accumulate_grad_batches", "limit_test_batches"])
def test_a_shortened_trial_changes_the_fingerprint(tiny: Any, key: str) -> None:
    names = [digest(parts(tiny(*given), [*TRAINING, *TEST])) for given in ([f"+trainer.{key}=3"], [])]
    assert names[0] != names[1] == digest(parts(tiny(f"+trainer.{key}=null"), [*TRAINING, *TEST]))


def test_a_key_that_is_a_number_stays_one_in_the_digest(tiny: Any) -> None:
    """JSON sorts numbers by value and text by its letters: 8 before 16, "16" before "8"."""
    config = OmegaConf.create(OmegaConf.to_container(tiny()))
    config.model.net["width_at"] = {8: 64, 16: 32}
    assert parts(config, ["model.net"])["model.net"]["width_at"] == {8: 64, 16: 32}
