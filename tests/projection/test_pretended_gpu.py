"""What a GPU would do, on a device that computes on the CPU and counts where its host waits (tests/pretend_gpu.py)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from searches import SEARCHES
from toys import DESCENTS

from preloaded import python

SCRIPT = Path(__file__).parents[1] / "on_pretend_gpu.py"
MODELS = ("l2_ae", "l2_ae detached", "dsae", "vae", "vae_draws", "gamma_vae", "repair_ae")
RUNS = (
    *(("descents", name) for name in (*DESCENTS, "plateau")),
    *(("searches", name) for name in SEARCHES),
    *(("models", name) for name in MODELS),
)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    places = [SCRIPT.parent, Path(__file__).parent, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places)).rstrip(os.pathsep)}
    command = [python(), str(SCRIPT)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(("group", "name"), RUNS)
def test_a_replayed_descent_has_the_numbers_of_the_cpu(found: dict[str, Any], group: str, name: str) -> None:
    """No iteration waits for the host, or its recording would have been refused."""
    run = found[group][name]
    assert run["close"]
    assert run["steps"]
    assert run["refused"] == 0


@pytest.mark.parametrize(("group", "name"), RUNS)
def test_the_host_waits_at_the_checks_alone(found: dict[str, Any], group: str, name: str) -> None:
    """Before the descent twice: are all images finite, does the recording agree. The prior asks for checksums."""
    assert found[group][name]["waits"] <= found[group][name]["exchanges"] + 3


def test_an_observer_sees_a_replayed_descent(found: dict[str, Any]) -> None:
    assert found["observed"]["close"]
    assert found["observed"]["refused"] == 0
    assert found["observed"]["replayed"] > 10


def test_several_stops_come_out_of_one_descent(found: dict[str, Any]) -> None:
    """Its observer adds one wait a check to those of the descent, whatever the number of stops."""
    assert found["chosen"]["close"]
    assert found["chosen"]["waits"] < 40


@pytest.mark.parametrize("kind", ["texture", "object"])
def test_a_training_batch_is_made_without_a_wait(found: dict[str, Any], kind: str) -> None:
    assert found["batches"][kind] == {"close": True, "waits": 0}


def test_damage_is_drawn_without_a_wait(found: dict[str, Any]) -> None:
    assert found["damage"] == {"close": True, "waits": 0}


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_waits_for_nothing(found: dict[str, Any], name: str) -> None:
    assert found["losses"][name] == 0


@pytest.mark.parametrize("name", ["dssim", "msgms", "squared_error"])
def test_a_map_of_scores_waits_for_nothing(found: dict[str, Any], name: str) -> None:
    assert found["scores"][name] == 0
