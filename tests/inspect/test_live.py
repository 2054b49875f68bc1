"""The events of the live view: each x_t of the descent, with the score of the job, whatever the settings are."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from renormal.functional.tiles import cut
from renormal.inspect.inspector import Inspector
from renormal.inspect.live import LEVELS, SIDE, Asked, Event, Live, Pixels, asked
from renormal.inspect.load import load
from renormal.inspect.photographs import Photograph, photograph
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.projection import Threshold, reference

KINDS = {
    "an object": ["category=bottle", "projection=[eq8_adam]"],
    "a texture in tiles": ["category=grid", "projection=[eq8]", "test.stride=16"],
    "tiles averaged": ["category=grid", "projection=[eq8]", "test.stride=16", "test.average=pixels"],
    "two sizes": ["category=grid", "projection=[eq8]", "data.texture_size=128", "data.shrink=[1,2]"],
    "all views": ["category=hazelnut", "projection=[eq8]", "test.flips=true"],
    "a search in z": ["model=vae", "category=cable", "projection=[latent]"],
    "refused steps": ["category=bottle", "projection=[eq8]", "descent.safeguard=true"],
    "a gradient as score": ["model=vae", "category=bottle", "projection=[eq8]", "score=loss_gradient"],
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def tested(request: pytest.FixtureRequest, small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("live") / "run"
    config = small(*request.param, f"folder={folder}")
    run_job(config)
    return config, folder


@pytest.fixture(scope="module")
def bottle(small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Live, Photograph]:
    """A job with steps of 0.1, which stay within the clamp for some time."""
    folder = tmp_path_factory.mktemp("bottle") / "run"
    config = small("category=bottle", "projection=[eq8]", "projections.eq8.step_size=0.1", f"folder={folder}")
    run_job(config)
    live = Live(load(folder), rate=0.05)
    return live, photograph(source_of(config).test[0].image, live.frame)


def events(live: Live, photo: Photograph, column: str, **settings: float) -> list[Event]:
    """settings: step_size, weight, max_steps, stop."""
    given: list[Event] = []
    places = {"energy.weight" if name == "weight" else name: value for name, value in settings.items()}
    live.show(photo, Asked(column, places), given.append)
    return given


def pixels(text: str, side: int) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, -1)


def map_of(event: Event, limit: float) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(event["map"]), "<u2") / LEVELS * limit


def test_the_end_has_the_score_of_the_job_and_each_step_is_there(tested: tuple[Any, Path]) -> None:
    config, folder = tested
    job = load(folder)
    live, photo = Live(job, rate=0.05), photograph(source_of(config).test[-1].image, Live(job, rate=0.05).frame)
    for column, facts in live.columns.items():
        start, *steps, end = events(live, photo, column)
        answer = Inspector(job, column=column).answer([photo])[0]
        assert end["score"] == pytest.approx(answer.score, abs=2e-5), column
        assert (end["score"] > facts["threshold"]) is answer.defective
        assert [start["kind"], end["kind"], end["diverged"]] == ["start", "end", False]
        assert [one["t"] for one in steps] == list(range(len(steps)))
        assert (len(steps) > 0) == (facts["projection"] is not None)
        shown = np.abs(pixels(end["x"], start["side"]).squeeze().astype(int) - answer.projected.astype(int))
        assert shown.max() <= 1


def test_the_steps_are_those_of_the_paper(tested: tuple[Any, Path]) -> None:
    config, folder = tested
    job = load(folder)
    live = Live(job, rate=0.05)
    photo = photograph(source_of(config).test[-1].image, live.frame)
    (name, facts), *_ = [(name, one) for name, one in live.columns.items() if one["projection"]]
    _, *steps, _ = events(live, photo, name)
    descent = job.descents[facts["projection"]]
    tiles = cut(photo.image, job.size, config.test.stride)
    wanted = reference(job.model, tiles, replace(descent, stop=Threshold(value=facts["settings"]["stop"])))
    assert len(steps) == int(wanted.steps.max()) + 1
    assert steps[0]["energy"] == pytest.approx(wanted.energy_start.tolist(), rel=1e-4)
    if not descent.safeguard:  # else the last x_t may be a refused one
        assert steps[-1]["energy"] == pytest.approx(wanted.terms.total.tolist(), rel=1e-4)
        assert steps[-1]["loss"] == pytest.approx(wanted.terms.reconstruction.tolist(), rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"step_size": 0.02}, {"weight": 0.5}, {"max_steps": 6}, {"stop": 1e9}, {"max_steps": 5, "stop": 0.0}],
    ids=str,
)
def test_moved_settings_are_those_of_the_descent(bottle: tuple[Live, Photograph], settings: dict[str, float]) -> None:
    live, photo = bottle
    _, *steps, _ = events(live, photo, "eq8", **settings)
    job = live.inspectors["eq8"].job
    own = job.descents["eq8"]
    stop = Threshold(value=settings.get("stop", live.columns["eq8"]["settings"]["stop"]))
    moved = {name: settings[name] for name in ("step_size", "max_steps") if name in settings}
    energy = replace(own.energy, weight=settings.get("weight", own.energy.weight))
    wanted = reference(job.model, photo.image, replace(own, **moved, energy=energy, stop=stop))
    assert steps[-1]["t"] == int(wanted.steps)
    assert steps[-1]["energy"] == pytest.approx(wanted.terms.total.tolist(), rel=1e-4)


def test_what_takes_the_events_may_end_the_descent(bottle: tuple[Live, Photograph]) -> None:
    live, photo = bottle
    given: list[Event] = []

    def give(event: Event) -> None:
        given.append(event)
        if event.get("t") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.show(photo, Asked("eq8", {"max_steps": 1000, "stop": 0.0}), give)
    assert [one.get("t") for one in given] == [None, 0, 1, 2]


def test_a_descent_that_becomes_infinite_is_said(bottle: tuple[Live, Photograph]) -> None:
    live, photo = bottle
    inspector = live.inspectors["eq8"]
    network = inspector.answers.networks[0]
    free = {"eq8": replace(network.descents["eq8"], clamp=None, stop=Threshold(value=0.0), max_steps=1000)}
    live.inspectors["eq8"].answers = replace(inspector.answers, networks=[replace(network, descents=free)])
    try:
        *steps, end = events(live, photo, "eq8", step_size=100.0)
    finally:
        live.inspectors["eq8"].answers = replace(inspector.answers, networks=[network])
    assert end["diverged"]
    assert steps[-1]["energy"] == [None]


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({}, "no column ''"),
        ({"column": "nope"}, "no column 'nope'"),
        ({"column": "eq8", "slots": "3"}, "no setting 'slots'"),
        ({"column": "baseline", "step_size": "1"}, "no setting 'step_size'"),
        ({"column": "eq8", "step_size": "0"}, "step_size=0 is out of range"),
        ({"column": "eq8", "step_size": "nan"}, "step_size='nan' is no number"),
        ({"column": "eq8", "energy.weight": "-1"}, "energy.weight=-1 is out of range"),
        ({"column": "eq8", "max_steps": "1001"}, "max_steps=1001 is out of range"),
        ({"column": "eq8", "max_steps": "2.7"}, "max_steps=2.7 is no whole number"),
        ({"column": "eq8", "stop": "inf"}, "stop='inf' is no number"),
        ({"column": "eq8", "stop": "much"}, "stop='much' is no number"),
        ({"column": "eq8", "max_steps": "1_0"}, "max_steps='1_0' is no number"),
        ({"column": "eq8", "max_steps": "٣"}, "max_steps='٣' is no number"),
        ({"column": "eq8", "step_size": " 0.1"}, "step_size=' 0.1' is no number"),
    ],
    ids=str,
)
def test_what_no_descent_takes_is_one_line(bottle: tuple[Live, Photograph], query: dict[str, str], line: str) -> None:
    with pytest.raises(ValueError, match=line.replace(".", r"\.")):
        asked(query, bottle[0].columns)


def test_settings_that_are_asked_for_have_their_kinds(bottle: tuple[Live, Photograph]) -> None:
    query = {"column": "eq8", "max_steps": "7", "step_size": "0.25"}
    assert asked(query, bottle[0].columns) == Asked("eq8", {"max_steps": 7, "step_size": 0.25})


def test_a_large_map_is_reduced_and_no_defect_of_one_pixel_is_lost() -> None:
    maps = torch.zeros(1, 3 * SIDE - 2, 3 * SIDE - 2)
    maps[0, 700, 31] = 0.5
    sent = map_of({"map": Pixels(1.0).map(maps)}, 1.0).reshape(SIDE, -1)
    assert sent.shape == (SIDE, SIDE)
    assert sent.max() == pytest.approx(0.5, abs=1e-4)
    assert np.unravel_index(sent.argmax(), sent.shape) == (700 // 3, 31 // 3)


def test_a_squashed_photograph_gets_its_shape_again(bottle: tuple[Live, Photograph]) -> None:
    live, _ = bottle
    photo = photograph(np.zeros((40, 60, 3), np.uint8), live.frame)
    shape = Pixels(1.0).shape(photo)
    assert (shape["side"], shape["channels"], shape["wide"]) == (32, 3, 1.5)
    assert Pixels(1.0).shape(replace(photo, fit="crop"))["wide"] == 1.0
