"""docs/settings.md is what `python -m renormal.settings` prints, and names every setting."""

from __future__ import annotations

import re
from pathlib import Path

from omegaconf import OmegaConf

from renormal.run import CONF
from renormal.settings.table import page

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_the_one_that_the_command_prints() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(CONF), "python -m renormal.settings > docs/settings.md"


def test_a_value_from_a_file_that_others_build_on_stands_in_the_table() -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    (weight,) = (line for line in lines if line.startswith("| `projections.<name>.energy.weight` | λ of ‖x − x0‖₁."))
    assert "*Conf*: `0.05`" in weight, "conf/projection/shared/paper.yaml"


def test_every_key_of_the_recipe_stands_in_the_table() -> None:
    rows = set(re.findall(r"^\| `([\w.<>]+)` ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE))
    config = OmegaConf.load(CONF / "config.yaml")
    for group in ("test", "choose", "sample", "dashboard", "descent", "inpaint"):
        for key in config[group]:
            assert {f"{group}.{key}", f"{group}.{key}.<name>"} & rows, f"{group}.{key}"
