"""The energy that counts only what a network has learned to call a defect, and the answer f(x_N)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from planted import BUGS
from torch import Tensor
from toys import Net, agree, images

from renormal.contracts import Images, Maps
from renormal.projection import Descent, Gradient, Never, SegmentedEnergy, Threshold, no_mask, project, reference

X0 = images(5).double()


class Marking(Net):
    """S(x, y) = |x − y|, mean over the channels."""

    def segment(self, x: Images, y: Images) -> Maps:
        return (x - y).abs().mean(dim=1)


NET = Marking().double()
LEVEL = float(NET.segment(X0, NET.reconstruct(X0).image).detach().quantile(0.9))
ENERGY = SegmentedEnergy(level=LEVEL, reach=3)
ONE_STEP = Descent(
    energy=ENERGY, mask=no_mask, direction=Gradient(), stop=Threshold(value=0.0), step_size=0.5, max_steps=1, clamp=None
)


def f(x: Tensor) -> Tensor:
    return NET.reconstruct(x).image.detach()


def near(x: Tensor) -> Tensor:
    """Where S is above the level within 3 × 3 px, by a loop."""
    marked = NET.segment(x, f(x)) > LEVEL
    found = torch.zeros_like(marked)
    for image, row, column in marked.nonzero().tolist():
        found[image, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
    return found[:, None]


def test_it_is_the_squared_error_of_marked_pixels_and_the_distance() -> None:
    """By hand, with the gradient 2 m ⊙ (x − f(x)) + λ sign(x − x0)."""
    energy = replace(ENERGY, weight=0.3)
    x = (X0 + 0.05).requires_grad_()
    terms = energy(NET, x, X0)
    m, away = near(x.detach()), x.detach() - f(x.detach())
    assert 0 < m.double().mean() < 1
    assert torch.allclose(terms.reconstruction, (m * away.square()).sum(dim=(1, 2, 3)))
    assert torch.allclose(terms.total, terms.reconstruction + 0.3 * (x - X0).abs().sum(dim=(1, 2, 3)))
    (slope,) = torch.autograd.grad(terms.total.sum(), x)
    assert torch.allclose(slope, 2 * m * away + 0.3)
    assert torch.allclose(energy.of_all(NET, x, X0).reconstruction, away.square().sum(dim=(1, 2, 3)))


def test_one_step_puts_f_where_s_sees_a_defect_and_the_answer_is_f_of_that() -> None:
    wanted = torch.where(near(X0), f(X0), X0)
    assert torch.allclose(project(NET, X0, ONE_STEP).x, wanted)
    assert torch.allclose(project(NET, X0, replace(ONE_STEP, reconstructed=True)).x, f(wanted))


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("safeguard", [False, True])
@pytest.mark.parametrize("reconstructed", [False, True])
def test_project_is_the_reference(steps: int, safeguard: bool, reconstructed: bool) -> None:
    descent = replace(
        ONE_STEP, max_steps=steps, safeguard=safeguard, reconstructed=reconstructed, stop=Never(), slots=2
    )
    found = project(NET, X0, descent)
    agree(reference(NET, X0, descent), found, torch.arange(len(X0)), 1e-10)
    assert torch.equal(found.x, found.terms.reconstructed) == reconstructed


def test_an_observer_sees_what_each_point_answers() -> None:
    seen: list[Tensor] = []
    descent = replace(ONE_STEP, reconstructed=True, slots=len(X0), check_every=1)
    found = project(NET, X0, descent, observe=lambda sample, t, x, terms: seen.append(x.clone()))
    assert torch.allclose(seen[0], f(X0))
    assert torch.equal(seen[-1], found.x)


def test_a_planted_bug_is_found() -> None:
    """`project` and a reference that answers x_N differ."""
    descent = replace(ONE_STEP, reconstructed=True)
    with pytest.raises(AssertionError):
        agree(BUGS["x for f(x)"](NET, X0, descent), project(NET, X0, descent), torch.arange(len(X0)), 1e-10)


def test_a_model_without_s_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^Net has not learned to segment: set model=segmenting_ae, or another proj"):
        project(Net().double(), X0, ONE_STEP)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 0.0}, "level must be above 0 and below 1"),
        ({"level": 1.0}, "level must be above 0 and below 1"),
        ({"reach": 4}, "reach must be an odd number of pixels, got 4"),
        ({"reach": 0}, "reach must be an odd number of pixels, got 0"),
        ({"weight": -1.0}, "the weight λ of ‖x − x0‖₁ must be >= 0, got -1.0"),
    ],
)
def test_nonsense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SegmentedEnergy(**settings)
