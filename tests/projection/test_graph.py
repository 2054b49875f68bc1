"""A replayed iteration equals one that is run; here a call stands for the CUDA graph, everything around it is real."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from toys import DESCENTS, Net, images

from renormal.projection import Descent, graph, project, settle
from renormal.projection.project import _iterate
from renormal.projection.slots import Queue


def by_replay(descent: Descent, record: graph.Recorder) -> Queue:
    """The loop of `project`, on a step that went through `replayed`."""
    model, x0 = Net(), images()
    descent = settle(descent, model, x0)
    queue = Queue(x0, x0, None, descent)
    slots = queue.open(4, (descent.direction.start(x0[:4]), descent.stop.start(4, x0.device)))
    iterate = partial(_iterate, descent, model, queue)
    recording = graph.recorded(iterate, slots, record)
    assert (recording is None) == (record is refuse)
    step = partial(iterate, slots) if recording is None else recording.repeat
    places = [tensor.data_ptr() for tensor in graph._tensors(slots)]
    with torch.enable_grad():
        while queue.exchange(slots):
            for _ in range(3):
                step()
    assert [tensor.data_ptr() for tensor in graph._tensors(slots)] == places or record is refuse
    return queue


def call(step: graph.Step, device: torch.device) -> graph.Step:
    """What recording leaves behind: the state has moved on by the warm-up."""
    for _ in range(graph.WARM_UP):
        step()
    return step


def refuse(step: graph.Step, device: torch.device) -> graph.Step:
    step()
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("record", [call, refuse])
def test_the_same_numbers_with_every_buffer_in_its_place(name: str, record: graph.Recorder) -> None:
    """What a graph needs: it reads and writes the addresses that it was recorded with."""
    expected = project(Net(), images(), Descent(**{**vars(DESCENTS[name]), "slots": 4, "check_every": 3}))
    queue = by_replay(DESCENTS[name], record)
    assert torch.equal(queue.result.x, expected.x)
    assert torch.equal(queue.result.steps, expected.steps)
    assert torch.equal(queue.result.stopped, expected.stopped)
    for ours, theirs in zip(queue.result.terms, expected.terms, strict=True):
        assert torch.equal(ours, theirs)


def test_without_cuda_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(graph.RECORDERS, "cuda", refuse)
    before = graph.counted.refused
    project(Net(), images(), DESCENTS["eq8_adam"])
    assert graph.counted.refused == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", DESCENTS)
def test_a_cuda_graph_agrees_with_single_steps(name: str) -> None:
    model, x0 = Net().cuda(), images().cuda()
    graphed, single = (project(model, x0, Descent(**{**vars(DESCENTS[name]), "graph": on})) for on in (True, False))
    assert torch.allclose(graphed.x, single.x, atol=1e-5)
    assert torch.equal(graphed.steps, single.steps)
