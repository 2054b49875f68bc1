"""Any value at any key is taken, or refused in one line that names the key; what is taken can be built."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from recipes import recipe
from renormal.job.build import build_columns
from renormal.job.errors import in_one_line
from renormal.job.job import run_job
from renormal.report.record import read_record
from renormal.settings.faults import faults_in

RECIPES = (
    ("experiment=repair_cpu",),
    ("experiment=inpaint_cpu", "logger=many"),
    ("data=folder", "model=f_anogan", "projection=[latent,map_tv,anogan]", "score=combined", "trainer=ddp"),
)
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([0, 1, -1, 0.5])
SEVERAL = partial(st.lists, max_size=3)
NAMED = partial(st.dictionaries, st.text(max_size=3), max_size=2)
VALUES = st.recursive(ATOMS, lambda inner: SEVERAL(inner) | NAMED(inner), max_leaves=4)
Where = tuple[tuple[str, ...], tuple[str, ...]]  # recipe, key


@cache
def resolved(overrides: tuple[str, ...]) -> Any:
    return OmegaConf.to_container(recipe("folder=x", *overrides), resolve=True)


def places(node: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a config, and a made-up one at the side of each."""
    for key, value in node.items():
        yield (*above, key)
        yield (*above, f"{key}x")
        if isinstance(value, dict):
            yield from places(value, (*above, key))


@cache
def everywhere() -> list[Where]:
    return [(given, place) for given in RECIPES for place in places(resolved(given))]


PLACES = st.deferred(lambda: st.sampled_from(everywhere()))  # each process collects the tests, one composes


def changed(overrides: tuple[str, ...], place: tuple[str, ...], value: Any) -> Any:
    config = copy.deepcopy(resolved(overrides))
    node = config
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    return config


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from numbers(inner)


@given(PLACES, VALUES)
def test_any_value_is_taken_or_refused_in_lines_that_name_the_key(where: Where, value: Any) -> None:
    overrides, place = where
    lines = faults_in(changed(overrides, place, value))
    whole = place[-1].startswith("_") or place[:2] == ("choose", "axes")  # _target_ decides what an object may have
    named = place[:1] if whole else place
    assert all(line.startswith(".".join(named)) and len(line.splitlines()) == 1 for line in lines)
    if not all(map(math.isfinite, numbers(value))):
        assert lines, "NaN and infinity are refused anywhere"


def is_object(where: Where) -> bool:
    _, place = where
    return place[0] in ("projections", "score", "scores") and len(place) > 1


OBJECTS = st.deferred(lambda: st.sampled_from(list(filter(is_object, everywhere()))))


@given(OBJECTS, ATOMS)
def test_a_projection_or_a_score_that_is_taken_can_be_built(where: Where, value: Any) -> None:
    """Or the object itself says in one line why not: what depends on two settings stands there."""
    config = changed(*where, value)
    if faults_in(config):
        return
    assert len(end_of(partial(build_columns, OmegaConf.create(config))).splitlines()) <= 1


def end_of(work: Callable[[], object]) -> str:
    """The line in which it ends, empty for none. Errors of other types are no refusals."""
    try:
        work()
    except (ValueError, InstantiationException) as error:
        return in_one_line(error)
    return ""


@pytest.mark.parametrize(
    "given",
    [
        "descent.max_steps=0",
        "projections.eq8.step_size=10000",
        "test.normal_images=0",
        "trainer.gradient_clip_val=0",
        "+model.optimizer.betas=[0.0,0.0]",
    ],
)
def test_a_value_at_the_end_of_its_range_runs(tiny: Any, tmp_path: Path, given: str) -> None:
    run_job(tiny(given))
    metrics = read_record(tmp_path / "run" / "record.json").metrics
    assert all(0 <= metrics[f"{name}/pixel_auroc"] <= 1 for name in ("baseline", "eq8"))
