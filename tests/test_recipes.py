"""The tests' quick ways to compose the recipe give what Hydra gives."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

import parsed_once
from recipes import recipe
from renormal.run import CONF
from small import DRAWN, SMALL


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        (*DRAWN, *SMALL, "model=vae", "folder=somewhere"),
        ("batch_size=2", "experiment=table1_cpu", "model=dsae", "batch_size=3", "+trainer.max_steps=3"),
        ("projection=[eq5]", "+score@scores.further=msgms", "projections.eq5.mask=null", "~sample", "++a.b=[1,{c: 2}]"),
    ],
)
def test_a_recipe_is_what_hydra_composes(overrides: tuple[str, ...]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        expected = compose("config", list(overrides))
    changed = recipe(*overrides)
    changed.name = "another"  # the next recipe does not have it
    assert recipe(*overrides) == expected


@pytest.mark.parametrize("overrides", [(), ("experiment=table1", "sweep=[models,categories]", "data.root=x")])
def test_yamls_that_are_read_once_give_what_hydra_composes(
    overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def composed() -> DictConfig:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", list(overrides), return_hydra_config=True)

    with monkeypatch.context() as patch:
        patch.setattr(ConfigRepository, "load_config", parsed_once._read)
        expected = composed()
    for _ in range(2):  # the second has what is kept
        config = composed()
        assert OmegaConf.to_container(config) == OmegaConf.to_container(expected)
        config.name = "another"


@pytest.mark.parametrize("override", ["model.nett=1", "~nothing.here", "nothing=1"])
def test_a_typo_is_refused(override: str) -> None:
    with pytest.raises(ConfigCompositionException):
        recipe(override)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "experiment").glob("*.yaml")))
def test_no_experiment_says_what_is_true_of_one_copy_of_the_photographs_alone(name: str) -> None:
    assert recipe(f"experiment={name}").data.notes == {}
