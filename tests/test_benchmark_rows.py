"""The rows of `make benchmark` are seconds of the other over ours, and none is in a precision that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks import peer_rows, projection_rows, training, training_rows
from benchmarks.contest import Contender, Outcome, Pace, Rows

ANSWER = {"images": 4, "auroc": 0.9, "aupro": 0.8}
PACE = Pace(1, 0.0)


def values(rows: Rows) -> dict[str, float]:
    return {key: value for key, _, value, _ in rows}


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Name of a contender → its seconds; 1 where it is not named."""
    taken: dict[str, float] = {}

    def contest(contenders: Sequence[Contender], pace: Pace) -> dict[str, Outcome]:
        return {one.name: Outcome([taken.get(one.name, 1.0)], dict(ANSWER), 0.0, 1) for one in contenders}

    for module in (projection_rows, training_rows, peer_rows):
        monkeypatch.setattr(module, "contest", contest)
    return taken


def test_a_projection_is_compared_in_each_precision_that_the_processor_has(seconds: dict[str, float]) -> None:
    seconds |= {"per image": 12.0, "ours, float32": 3.0, "quick, float32": 2.0, "ours, bfloat16": 1.5}
    names = ("projection_vs_per_image_{}", "projection_quick_vs_per_image_{}")
    plain = values(projection_rows.projections(PACE, "float32")[0])
    assert [plain[name.format("float32")] for name in names] == [4.0, 6.0]
    assert not any("bfloat16" in key for key in plain)
    both = values(projection_rows.projections(PACE, "bfloat16")[0])
    assert [both[name.format(precision)] for precision in ("float32", "bfloat16") for name in names] == [4, 6, 8, 12]


def test_a_step_is_compared_with_the_network_alone_and_with_its_bytes(seconds: dict[str, float]) -> None:
    seconds |= {"pure l2_ae 3": 9.0, "full_slots l2_ae 3": 12.0, "moved 3": 1.0}
    rows = values(projection_rows.steps(PACE, 2, "float32")[0])
    assert (rows["slots_vs_ideal"], rows["slots_vs_ideal_by_bytes"]) == (0.75, 0.9)


def test_every_model_of_the_package_is_compared_with_plain_lightning(seconds: dict[str, float]) -> None:
    seconds |= {"plain Lightning": 6.0, "ours": 2.0}
    rows = values(training_rows.trainings(PACE, 32, "float32")[0])
    kinds = ("l2_ae", "dsae", "vae", "gamma_vae", "repair_ae")
    assert [rows[f"training_vs_plain_lightning_{kind}"] for kind in kinds] == [3.0] * 5


def test_a_peer_is_timed_by_the_image(seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Any] = []
    monkeypatch.setattr(peer_rows, "train_photographed", lambda *given: trained.append(given))
    monkeypatch.setattr(peer_rows, "clock", lambda folder: {"images": 64, "seconds": 7.0})
    seconds |= {"dbbbbm": 8.0}
    rows = values(peer_rows.peers(PACE, 64, 3, "float32")[0])
    assert trained == [("grid", 64), ("bottle", 64), ("toothbrush", 64)]
    assert (rows["peer_dbbbbm_bottle"], rows["peer_training_bottle"]) == (2.0, 7.0)


def test_the_whole_job_that_is_timed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other programs have no config, logs, checkpoint and state that could have changed."""
    monkeypatch.setattr(training, "ROOT", tmp_path / "data")
    monkeypatch.setattr(training, "DATA", {"train": 2, "good": 1, "defective": 1})
    answer = training.job("l2_ae", 10 * training.BATCH, "32-true")()
    assert (answer["images"], answer["seconds"] > 0) == (10 * training.BATCH, True)
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]
