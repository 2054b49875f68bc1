"""Recordings of an iteration: one for each network, recipe and shape. Here a call stands for the replay."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from toys import DESCENTS, Net, images

from renormal.projection import Energy, Never, graph, project

SETTINGS = replace(DESCENTS["eq8_adam"], slots=4, check_every=3)


def call(step: graph.Step, device: torch.device) -> graph.Step:
    step()
    return step


def test_one_recording_serves_every_call_with_one_network_recipe_and_shape(
    recorder: Callable[[graph.Recorder], list[int]],
) -> None:
    expected = project(Net(), images(), replace(SETTINGS, graph=False))
    tried, model = recorder(call), Net()
    for _ in range(3):
        assert torch.equal(project(model, images(), SETTINGS).x, expected.x)
    assert len(tried) == 1
    project(model, images(), replace(SETTINGS, energy=Energy(weight=0.5)))
    project(model, images()[:, :, :6], SETTINGS)
    project(model, images(), SETTINGS, omega=torch.ones_like(images()))
    project(Net(), images(), SETTINGS)
    assert len(tried) == 5


def test_weights_that_change_in_place_are_followed_and_others_are_recorded_anew(
    recorder: Callable[[graph.Recorder], list[int]],
) -> None:
    tried, model = recorder(call), Net()
    project(model, images(), SETTINGS)
    model.load_state_dict(Net(seed=1).state_dict())
    expected = project(Net(seed=1), images(), replace(SETTINGS, graph=False))
    assert torch.equal(project(model, images(), SETTINGS).x, expected.x)
    assert len(tried) == 1
    model.first.weight = torch.nn.Parameter(2 * model.first.weight.detach())
    project(model, images(), SETTINGS)
    assert len(tried) == 2


@pytest.mark.parametrize(
    "error", [RuntimeError(""), RuntimeError("first line\nsecond"), ValueError("no"), TypeError("no"), AssertionError()]
)
def test_a_failure_is_said_once_and_not_tried_again(
    recorder: Callable[[graph.Recorder], list[int]], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(step: graph.Step, device: torch.device) -> graph.Step:
        step()
        raise error

    expected = project(Net(), images(), replace(SETTINGS, graph=False))
    tried, model = recorder(fail), Net()
    with caplog.at_level(logging.INFO, logger="renormal"):
        for _ in range(3):
            assert torch.equal(project(model, images(), SETTINGS).x, expected.x)
    assert len(tried) == len(caplog.records) == 1
    said = caplog.records[0].getMessage().rpartition(": ")[2]
    assert said == (str(error).splitlines() or [type(error).__name__])[0]


def test_an_empty_recording_is_found_before_it_is_used(recorder: Callable[[graph.Recorder], list[int]]) -> None:
    """What a recording on another GPU than that of the tensors leaves behind: replays that do nothing."""
    expected = project(Net(), images(), replace(SETTINGS, graph=False))
    recorder(lambda step, device: lambda: None)
    assert torch.equal(project(Net(), images(), SETTINGS).x, expected.x)


def test_the_projection_ends_on_a_device_that_stops_working(recorder: Callable[[graph.Recorder], list[int]]) -> None:
    calls = []

    def tired(step: graph.Step, device: torch.device) -> graph.Step:
        def repeat() -> None:
            calls.append(1)
            if len(calls) < 4:
                step()

        return repeat

    recorder(tired)
    with pytest.raises(RuntimeError, match=r"^\d+ iterations on cpu ended no sample: it does not do its work"):
        project(Net(), images(), replace(SETTINGS, stop=Never(), max_steps=20))
    assert len(calls) < 60


def test_two_threads_with_one_network_do_not_share_a_recording(
    recorder: Callable[[graph.Recorder], list[int]],
) -> None:
    expected = project(Net(), images(), replace(SETTINGS, graph=False))
    recorder(call)
    model = Net()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: project(model, images(), SETTINGS), range(8)):
            assert torch.equal(found.x, expected.x)


def test_a_list_in_the_recipe_is_recorded_at_every_call(recorder: Callable[[graph.Recorder], list[int]]) -> None:
    """Its content may have changed."""

    class Weighted(Energy):
        def __hash__(self) -> int:
            raise TypeError("unhashable type: 'list'")

    tried, model = recorder(call), Net()
    for _ in range(2):
        project(model, images(), replace(SETTINGS, energy=Weighted()))
    assert len(tried) == 2
