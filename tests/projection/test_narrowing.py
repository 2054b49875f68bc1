"""At the end of a descent fewer slots are evaluated, and no number changes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toys import DESCENTS, Net, holes, images, slow_decay

from renormal.contracts import Images, Projection, Reconstruction
from renormal.projection import Energy, project
from renormal.projection.narrowing import LEAST, Narrowing

STEPS = [40, 0, 1, 0, 2, 0, 0, 30, 1, 0, 0, 1, 0, 2, 0, 0]


class Widths(nn.Module):
    """A network that remembers how many images each call had."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.seen = model, list[int]()

    def reconstruct(self, x: Images) -> Reconstruction:
        self.seen.append(len(x))
        answer: Reconstruction = self.model.reconstruct(x)
        return answer


class OrderOfSums(Widths):
    """One whose answer depends on the size of its batch in the last bit."""

    def reconstruct(self, x: Images) -> Reconstruction:
        image, loss = super().reconstruct(x)
        return Reconstruction(image * (1 + len(x) * torch.finfo(x.dtype).eps), loss)


def test_slots_are_halved_while_half_of_them_are_idle() -> None:
    model, x0, descent = slow_decay(STEPS)
    widths = Widths(model)
    result = project(widths, x0, replace(descent, slots=16))
    assert result.steps.tolist() == STEPS
    assert widths.seen[0] == 16
    assert set(widths.seen) == {16, 8, 4, LEAST}
    assert sum(widths.seen) < 16 * (max(STEPS) + 1) / 4
    widths.seen.clear()
    project(widths, x0, replace(descent, slots=16))
    assert widths.seen == sorted(widths.seen, reverse=True)  # sizes that were tried are not tried again
    assert len(widths.seen) == max(STEPS) + 1


@pytest.mark.parametrize("name", DESCENTS)
def test_no_bit_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples stop at different steps, so that slots are halved at different times."""
    descent, omega = replace(DESCENTS[name], slots=11), holes()
    halved = project(Net(), images(), descent, omega=omega)
    monkeypatch.setattr(Narrowing, "__call__", lambda *_: None)
    kept = project(Net(), images(), descent, omega=omega)
    assert all(torch.equal(one, other) for one, other in pairs(halved, kept))


@pytest.mark.parametrize("name", DESCENTS)
def test_what_a_sample_remembers_comes_along(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the bits differ: its moments, its clock, its α and Ω are its own."""
    monkeypatch.setattr(Narrowing, "_same_bits", lambda *_: True)
    descent, omega = replace(DESCENTS[name], slots=11), holes()
    widths = Widths(Net())
    halved = project(widths, images(), replace(descent, energy=replace(descent.energy, kl_weight=0.0)), omega=omega)
    assert min(widths.seen) < 11
    monkeypatch.setattr(Narrowing, "__call__", lambda *_: None)
    kept = project(Net(), images(), replace(descent, energy=replace(descent.energy, kl_weight=0.0)), omega=omega)
    assert all(torch.allclose(one.double(), other.double(), atol=1e-5) for one, other in pairs(halved, kept))


def pairs(one: Projection, other: Projection) -> list[tuple[Tensor, Tensor]]:
    return [*zip((*one[:1], *one.terms, *one[2:]), (*other[:1], *other.terms, *other[2:]), strict=True)]


def test_slots_stay_where_another_size_has_other_bits() -> None:
    model, x0, descent = slow_decay(STEPS)
    widths = OrderOfSums(model)
    project(widths, x0, replace(descent, slots=16))
    assert widths.seen.count(8) == 1  # tried once
    assert set(widths.seen) == {16, 8}
    widths.seen.clear()
    project(widths, x0, replace(descent, slots=16))
    assert set(widths.seen) == {16}


def test_slots_of_a_function_stay() -> None:
    """What was tried is kept with a module. To try it in each call would cost more than it gains."""
    model, x0, descent = slow_decay(STEPS)
    widths = Widths(model)
    project(SimpleNamespace(reconstruct=widths.reconstruct), x0, replace(descent, slots=16))
    assert set(widths.seen) == {16}


class Unhashable(Energy):
    """An energy whose settings may change from call to call."""

    __hash__ = None  # type: ignore[assignment]


def test_slots_of_an_energy_that_cannot_be_looked_up_stay() -> None:
    model, x0, descent = slow_decay(STEPS)
    widths = Widths(model)
    project(widths, x0, replace(descent, slots=16, energy=Unhashable(weight=0.0)))
    assert set(widths.seen) == {16}


class Drawing(Energy):
    """An energy that draws from torch's generator, as a denoiser does."""

    def __call__(self, model: Any, x: Images, x0: Images) -> Any:
        torch.rand(len(x))
        return super().__call__(model, x, x0)


def test_what_is_tried_draws_nothing() -> None:
    """The generator ends where one draw for each evaluation of the descent leaves it."""
    model, x0, descent = slow_decay(STEPS)
    widths = Widths(model)
    torch.manual_seed(0)
    project(widths, x0, replace(descent, slots=16, energy=Drawing(weight=0.0)))
    tried = widths.seen.copy()
    ends = torch.rand(1)
    widths.seen.clear()
    torch.manual_seed(0)
    project(widths, x0, replace(descent, slots=16, energy=Drawing(weight=0.0)))
    assert len(widths.seen) < len(tried)
    assert torch.equal(torch.rand(1), ends)
