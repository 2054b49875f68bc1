"""What a sweep cost by hand, and in which settings its jobs differ."""

from __future__ import annotations

from typing import Any

import pytest
from made_up import made_up

from renormal.report.costs import costs
from renormal.report.record import Record
from renormal.report.settings import differences


def paid(model: str, category: str, seconds: float, **device: Any) -> Record:
    return made_up(model, category, seconds={"train": seconds, "test": 360}, device=device)


def test_core_hours_are_seconds_times_threads_summed_over_jobs() -> None:
    cpu = {"name": "a core", "type": "cpu"}
    rows = costs([paid("vae", "grid", 3600, threads=2, **cpu), paid("vae", "tile", 7200, threads=1, **cpu)])
    assert [(row.label, row.jobs, row.unit) for row in rows] == [("VAE", 2, "core-hours")]
    assert rows[0].seconds == {"train": 5400, "test": 360}
    assert rows[0].hours == pytest.approx({"train": 2 + 2, "test": 0.2 + 0.1})


def test_a_gpu_is_paid_by_the_hour_and_not_by_its_threads() -> None:
    gpu = {"name": "a card", "type": "cuda", "threads": 16, "count": 4}
    (row,) = costs([paid("vae", "grid", 3600, **gpu)])
    assert (row.unit, row.total) == ("GPU-hours", pytest.approx(4 * 1.1))


def test_all_models_have_a_line_together_only_on_the_same_device() -> None:
    jobs = [paid("dsae", "grid", 3600, name="a core"), paid("l2_ae", "grid", 3600, name="a core")]
    assert [row.label for row in costs(jobs)] == ["L² AE", "DSAE", "all"]
    assert costs(jobs)[-1].total == pytest.approx(2.2)
    other = paid("vae", "grid", 3600, name="a card", type="cuda")
    assert [row.label for row in costs([*jobs, other])] == ["L² AE", "DSAE", "VAE"]


def configured(model: str, category: str, seed: int, **config: Any) -> Record:
    named = {"model": {"name": model}, "category": category, "seed": seed, "folder": f"out/{model}/{category}/{seed}"}
    return made_up(model, category, seed, config={**named, **config})


def test_only_keys_that_differ_and_say_more_than_the_name_are_shown() -> None:
    jobs = [
        configured(model, category, seed, data={"size": 512 if category == "grid" else 128, "root": "/home/me/mvtec"})
        for model in ("vae", "dsae")
        for category in ("grid", "bottle")
        for seed in (0, 1)
    ]
    assert [tuple(item) for item in differences(jobs)] == [("data.size", [("512", "grid"), ("128", "bottle")])]


@pytest.mark.parametrize(
    ("odd", "who"),
    [
        ({("vae", "grid", 0), ("vae", "grid", 1), ("vae", "tile", 0), ("vae", "tile", 1)}, "VAE"),
        ({("vae", "tile", 0), ("vae", "tile", 1), ("dsae", "tile", 0), ("dsae", "tile", 1)}, "tile"),
        ({("vae", "grid", 1), ("vae", "tile", 1), ("dsae", "grid", 1), ("dsae", "tile", 1)}, "seed 1"),
        ({("vae", "grid", 1), ("dsae", "tile", 0)}, "DSAE tile 0, VAE grid 1"),
    ],
)
def test_jobs_are_named_as_briefly_as_possible(odd: set[tuple[str, str, int]], who: str) -> None:
    names = [(m, c, s) for m in ("vae", "dsae") for c in ("grid", "tile") for s in (0, 1)]
    jobs = [configured(*name, rate=0.1 if name in odd else 0.2) for name in names]
    (difference,) = differences(jobs)
    assert dict(difference.values)["0.1"] == who


def test_jobs_of_several_experiments_are_named_with_them() -> None:
    """Each was named "VAE grid 0", as often as there were experiments."""
    jobs = [made_up("vae", "grid", name=name, config={"rate": 0.1}) for name in ("one", "two", "three")]
    jobs += [made_up("vae", "tile", name=name, config={"rate": 0.2}) for name in ("one", "two")]
    jobs += [made_up("dsae", "tile", config={"rate": rate}) for rate in (0.1, 0.2)]
    (difference,) = differences([*jobs, made_up("dsae", "grid", config={"rate": 0.2})])
    assert dict(difference.values) == {
        "0.1": "DSAE tile 0, VAE grid 0 of one, VAE grid 0 of two and 1 more",
        "0.2": "DSAE tile 0, DSAE grid 0, VAE tile 0 of one and 1 more",
    }


def test_jobs_of_one_experiment_are_named_by_it() -> None:
    jobs = [
        made_up("vae", "grid", seed, name=name, config={"rate": name}) for seed in (0, 1) for name in ("a b", "c d")
    ]
    (difference,) = differences(jobs)
    assert difference.values == [("a b", "a b"), ("c d", "c d")]


def test_a_label_is_no_setting_in_which_jobs_differ() -> None:
    labels = {"vae": "VAE", "mine": "Mine & γ"}
    jobs = [made_up(model, config={"model": {"name": model, "label": label}}) for model, label in labels.items()]
    assert differences([*jobs, made_up("dsae", config={"model": {"name": "dsae"}})]) == []


def test_a_key_that_some_jobs_lack_is_a_difference() -> None:
    jobs = [configured("vae", "grid", 0), configured("gamma_vae", "grid", 0, speed=10)]
    assert [tuple(item) for item in differences(jobs)] == [("speed", [("–", "VAE"), ("10", "γ-VAE")])]
