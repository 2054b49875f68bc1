"""A category from the command line that the data set does not take is one line."""

from __future__ import annotations

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from renormal.run import CONF
from renormal.sweep.overrides import parsed_overrides, unused_category


@pytest.mark.parametrize(
    ("overrides", "unused"),
    [
        (["data=folder", "category=bottle"], True),
        (["data=folder", "category=bottle,grid"], True),
        (["data=folder", "sweep=categories"], True),
        (["experiment=inpaint", "category=bottle"], True),
        (["data=folder", "data.category=bottle"], False),
        (["experiment=figure5", "data=folder"], False),  # the category is that of the experiment's own yaml
        (["data=mvtec", "category=bottle"], False),
        (["data=table", "category=bottle"], True),  # no table has a column of categories yet
        (["data=folder", "data.category=${category}", "category=bottle"], False),
    ],
)
def test_a_category_that_nothing_reads_is_named(overrides: list[str], unused: bool) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        load = GlobalHydra.instance().config_loader().load_configuration
        config = load("config", overrides, run_mode=RunMode.MULTIRUN)
        lines = unused_category(config, parsed_overrides(config))
    assert lines == (
        [f"category is not a setting of data={config.data.name}: its results are named by data.category"] * unused
    )
