"""The tests' quick way to compose the recipe gives what Hydra gives."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException

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


@pytest.mark.parametrize("override", ["model.nett=1", "~nothing.here", "nothing=1"])
def test_a_typo_is_refused(override: str) -> None:
    with pytest.raises(ConfigCompositionException):
        recipe(override)
