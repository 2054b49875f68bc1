"""Settings of launchers and sweepers: any value is taken or refused in one line."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from renormal.files import CONF
from renormal.settings.faults import faults_in_sweep

CHOICES = [("launcher", name) for name in ("joblib", "local", "slurm", "two_jobs")] + [
    ("sweeper", name) for name in ("combinations", "optuna")
]
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([0, 1, -1, 0.5])
VALUES = ATOMS | st.lists(ATOMS, max_size=2) | st.dictionaries(st.text(max_size=3), ATOMS, max_size=2)


@cache
def parts(choice: tuple[str, str]) -> dict[str, Any]:
    """hydra.launcher and hydra.sweeper as they are composed, with the sweep's folder as its name."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"hydra/{'='.join(choice)}"], return_hydra_config=True)
    found: Any = OmegaConf.to_container(config.hydra, resolve=False)
    given = {part: found[part] for part in ("launcher", "sweeper")}
    if choice[0] == "sweeper":  # the basic launcher has no settings
        given["launcher"] = parts(("launcher", "joblib"))["launcher"]
    return given


PLACES = st.deferred(  # each process collects the tests, one composes
    lambda: st.sampled_from([(choice, key) for choice in CHOICES for key in (*parts(choice)[choice[0]], "other")])
)


def lines_of(choice: tuple[str, str], key: str, value: Any) -> list[str]:
    given = copy.deepcopy(parts(choice))
    given[choice[0]][key] = value
    return faults_in_sweep(given)


@given(PLACES, VALUES)
def test_any_value_is_taken_or_refused_in_a_line_that_names_the_key(
    place: tuple[tuple[str, str], str], value: Any
) -> None:
    choice, key = place
    named = f"hydra.{choice[0]}" + ("" if key == "_target_" else f".{key}")
    assert all(line.startswith(named) and len(line.splitlines()) == 1 for line in lines_of(choice, key, value))


REFUSED: list[tuple[str, str, Any, str]] = [
    ("joblib", "pre_dispatch", "x", "a whole number ≥ 1, all, or a multiple such as 2*n_jobs"),
    ("joblib", "pre_dispatch", 0, "a whole number ≥ 1, all, or a multiple such as 2*n_jobs"),
    ("joblib", "n_jobs", 100_000, "a whole number ≥ 1 and ≤ 1024, or −1, or null"),
    ("joblib", "backend", "threading", "loky, null"),
    ("local", "submitit_folder", "", "a path"),
    ("local", "submitit_folder", "a\nb", "a path"),
    ("slurm", "mem_per_cpu", "much", "a whole number ≥ 1 with its unit, such as 4GB, or null"),
    ("slurm", "setup", ["a\nb"], "a list, as [a,b], of a command of one line, or null"),
    ("slurm", "comment", {"a": 1}, "printable text, or true or false, or a list, as [a,b], of printable text, or null"),
    ("slurm", "additional_parameters", {"a": "b\nc"}, "printable text, or true or false, or null"),
    ("optuna", "sampler", "tpe", "a sampler"),
    ("optuna", "storage", "study.db", "a URL such as sqlite:///study.db, or null"),
]


@pytest.mark.parametrize(("name", "key", "value", "words"), REFUSED, ids=[f"{one[1]}={one[2]}" for one in REFUSED])
def test_what_would_not_start_is_one_line(name: str, key: str, value: Any, words: str) -> None:
    choice = next(one for one in CHOICES if one[1] == name)
    (line,) = lines_of(choice, key, value)
    assert line.startswith(f"hydra.{choice[0]}.{key}")
    assert f": must be {words}" in line


TAKEN: list[tuple[str, str, Any]] = [
    *(("joblib", "pre_dispatch", value) for value in ("all", "2*n_jobs", "1.5 * n_jobs", "n_jobs", 3)),
    ("joblib", "max_nbytes", "1M"),
    ("slurm", "mem_per_cpu", "4GB"),
    ("slurm", "mail_user", "me@example.org"),
    ("slurm", "srun_args", ["--overlap"]),
    ("optuna", "storage", "postgresql+psycopg2://host/study"),
    ("optuna", "sampler", {"_target_": "optuna.samplers.RandomSampler", "seed": 3}),
]


@pytest.mark.parametrize(("name", "key", "value"), TAKEN, ids=[f"{one[1]}={one[2]}" for one in TAKEN])
def test_what_somebody_uses_is_taken(name: str, key: str, value: Any) -> None:
    choice = next(one for one in CHOICES if one[1] == name)
    assert lines_of(choice, key, value) == []
