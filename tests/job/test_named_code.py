"""Code that a config names: what Python cannot import, or what does not take its arguments, is one line."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from conf_cases import names
from recipes import recipe
from renormal.job.named_code import check_named_code


@cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    return recipe("folder=x", *overrides)


def refusal(place: str, value: Any, *overrides: str) -> str:
    config = copy.deepcopy(composed(overrides))
    OmegaConf.update(config, place, value, merge=False, force_add=True)
    try:
        check_named_code(config)
    except ValueError as error:
        return str(error)
    return ""


WRONG = [
    ("score._target_", "renormal.scores.Dssim", "score._target_=renormal.scores.Dssim cannot be imported: "),
    ("model.net._target_", "nobody.Net", "model.net._target_=nobody.Net cannot be imported: ModuleNotFoundError: "),
    ("model.energy_loss.path", "renormal.projection.x", "model.energy_loss.path=renormal.projection.x cannot be impo"),
    ("model.net._target_", "math.pi", "model.net._target_=math.pi is neither class nor function: float"),
    (
        "score",
        {"_target_": "math.dist", "colour": 1},
        "score._target_=math.dist: got an unexpected keyword argument 'colour'",
    ),
    ("trainer.strategy", {"_target_": "datetime.timedelta.x"}, "trainer.strategy._target_=datetime.timedelta.x cannot"),
]


@pytest.mark.parametrize(("place", "value", "line"), WRONG, ids=[f"{one[0]} {one[2][-20:]}" for one in WRONG])
def test_code_that_is_not_there_or_takes_other_arguments_is_one_line(place: str, value: Any, line: str) -> None:
    found = refusal(place, value)
    assert found.startswith(line)
    assert len(found.splitlines()) == 1


def test_a_module_that_fails_when_it_is_imported_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fails_19.py").write_text("raise RuntimeError('two\\nlines')")
    monkeypatch.syspath_prepend(tmp_path)
    line = refusal("model.net._target_", "fails_19.Net")
    assert line == "model.net._target_=fails_19.Net cannot be imported: RuntimeError: two lines"


def test_what_only_a_stage_builds_is_looked_at_with_that_stage() -> None:
    assert refusal("sample.net._target_", "nobody.Net") == ""
    assert "nobody.Net cannot be imported" in refusal("sample.net._target_", "nobody.Net", "stages=[train,sample]")


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_passes(name: str) -> None:
    check_named_code(recipe("folder=x", f"experiment={name}"))


@given(st.lists(st.sampled_from(["math", "pi", "dist", "x", "renormal", "scores", "DSSIM", "__name__"]), min_size=2))
def test_any_dotted_name_is_taken_or_refused_in_one_line(parts: list[str]) -> None:
    name = ".".join(parts)
    line = refusal("score._target_", name)
    assert line == "" or (line.startswith("score") and name in line and len(line.splitlines()) == 1)
