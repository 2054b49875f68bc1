"""Each category is left out once: the others choose, and its own planted defects have no say."""

from __future__ import annotations

import pytest
from benchmarks.left_out import left_out
from made_up import made_up

from renormal.report.record import Record

PAIRS = (("one_pass", "score"), ("two_steps", "score"), ("two_steps", "dssim"))
COLUMNS = ("one_pass", "two_steps", "two_steps_dssim")


def job(category: str, *planted: float, seed: int = 0, real: tuple[float, ...] = (0.1, 0.2, 0.3)) -> Record:
    trials = [
        {"projection": projection, "score": score, "settings": {}, "metrics": {"aupro": value}}
        for (projection, score), value in zip(PAIRS, planted, strict=False)
    ]
    metrics = {
        f"{name}/{of}": value for name, value in zip(COLUMNS, real, strict=True) for of in ("pixel_auroc", "aupro")
    }
    metrics |= {f"{name}/image_auroc": 1.0 for name in COLUMNS}
    return made_up("own", category, seed, choice={"metric": "aupro", "trials": trials}, metrics=metrics)


def test_the_others_choose() -> None:
    grid, pill = job("grid", 0.9, 0.5, 0.4), job("pill", 0.6, 0.7, 0.9, real=(0.5, 0.6, 0.7))
    screw = job("screw", 0.6, 0.5, 0.7)
    none, *each = left_out([grid, pill, screw])
    assert none.pair == ("one_pass", "score")
    assert none.planted == pytest.approx(0.7)
    assert none.real == pytest.approx(((0.1 + 0.5 + 0.1) / 3, (0.1 + 0.5 + 0.1) / 3, 1.0))
    assert [line.category for line in each] == ["grid", "pill", "screw"]
    assert each[0].pair == ("two_steps", "dssim"), "grid alone prefers one pass"
    assert each[0].planted == pytest.approx(0.8)
    assert each[1].pair == ("one_pass", "score")
    assert each[1].real == pytest.approx((0.5, 0.5, 1.0)), "of pill, which had no say"


def test_seeds_count_alike_and_a_pair_needs_all_jobs() -> None:
    jobs = [job("grid", 0.5, 0.6, seed=0), job("grid", 0.9, 0.6, seed=1), job("pill", 0.1, 0.2, 0.9)]
    none, grid, pill = left_out(jobs)
    assert none.pair == ("one_pass", "score")
    assert grid.pair == ("two_steps", "score"), "dssim was not tried on grid"
    assert pill.pair == ("one_pass", "score")


def test_the_best_settings_of_a_pair_count() -> None:
    grid = job("grid", 0.5, 0.6)
    grid.choice["trials"] += [grid.choice["trials"][0] | {"settings": {"weight": 1}, "metrics": {"aupro": 0.8}}]
    assert left_out([grid, job("pill", 0.1, 0.1)])[0].pair == ("one_pass", "score")


@pytest.mark.parametrize("jobs", [[], [job("grid", 0.5)], [job("grid", 0.5), job("pill")]])
def test_what_cannot_be_compared_is_refused(jobs: list[Record]) -> None:
    with pytest.raises(ValueError, match="needs 2 and 1"):
        left_out(jobs)
