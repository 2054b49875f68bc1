"""Several threads on a CPU change only the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import current_thread

import pytest
import torch
from toys import DESCENTS, Net, holes, images, slow_decay

from renormal.contracts import Images, Reconstruction
from renormal.projection import project
from renormal.projection.threads import in_threads, threads_for


@pytest.fixture(params=[2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", DESCENTS)
def test_the_same_numbers_to_the_last_bit(name: str, threads: int) -> None:
    descent, x0 = replace(DESCENTS[name], slots=2), images()
    assert threads_for(len(x0), 2, x0.device) == min(threads, len(x0) // 2)
    side = project(Net(), x0, descent, omega=holes())
    torch.set_num_threads(1)
    alone = project(Net(), x0, descent, omega=holes())
    for one, other in zip((side.x, *side.terms, *side[2:]), (alone.x, *alone.terms, *alone[2:]), strict=True):
        assert torch.equal(one, other)


def test_everybody_arrives_once_and_the_threads_of_torch_are_given_back(threads: int) -> None:
    needed = [3, 0, 7, 1, 1, 12, 2, 0, 5]
    model, x0, descent = slow_decay(needed)
    finished: list[int] = []
    result = project(model, x0, replace(descent, slots=2), finished=finished.append)
    assert result.steps.tolist() == needed
    assert sum(finished) == len(needed)
    assert torch.get_num_threads() == threads


class Broken(Net):
    """Fails in one of the threads."""

    def reconstruct(self, x: Images) -> Reconstruction:
        if current_thread().name.endswith("_1"):
            raise RuntimeError("out of memory")
        return super().reconstruct(x)


def test_an_error_in_one_thread_ends_them_all(threads: int) -> None:
    descent = replace(DESCENTS["eq8_adam"], slots=1, max_steps=10**9)
    with pytest.raises(RuntimeError, match="out of memory"):
        project(Broken(), images(), descent)
    assert torch.get_num_threads() == threads


def test_an_interrupt_abandons_the_threads() -> None:
    abandoned: list[bool] = []

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_threads(interrupted, [0, 1], lambda: abandoned.append(True))
    assert abandoned


def test_an_observer_is_called_from_one_thread(threads: int) -> None:
    seen: set[str] = set()
    descent = replace(DESCENTS["eq8_adam"], slots=1)
    project(Net(), images(), descent, observe=lambda *_: seen.add(current_thread().name))
    assert seen == {current_thread().name}
