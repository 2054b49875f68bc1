"""One and two steps of eq. 5, 7 and 8 by hand, with a model that always answers c."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from planted import BUGS, TorchDirection
from torch import Tensor
from toys import Constant, Double, Net, Project, images

from renormal.contracts import Reconstruction
from renormal.functional.ssim import dssim_map
from renormal.projection import (
    Adam,
    Descent,
    Energy,
    Gradient,
    Never,
    dssim,
    error_mask,
    known_mask,
    model_loss,
    no_mask,
    project,
    reference,
    squared_error,
)

C, ALPHA, WEIGHT = 0.5, 0.1, 0.05
X0 = torch.tensor([0.1, 0.9, 0.45, 0.7]).reshape(1, 1, 2, 2)
OMEGA = torch.tensor([1.0, 1, 0, 0]).reshape(1, 1, 2, 2)
MASKS = {"eq. 5": no_mask, "eq. 7": known_mask, "eq. 8": error_mask}


def factor(equation: str, x: Tensor) -> Tensor:
    return {"eq. 5": torch.ones_like(x), "eq. 7": OMEGA, "eq. 8": (x - C) ** 2}[equation]


def by_hand(equation: str, adam: bool, steps: int) -> Tensor:
    """g = 2(x − c) + λ sign(x − x0), which is 0 at x0; Adam's first direction is sign(g)."""
    x = X0
    gradients: list[Tensor] = []
    for t in range(1, steps + 1):
        gradients.append(2 * (x - C) + WEIGHT * torch.sign(x - X0))
        direction = gradients[-1]
        if adam:
            m = sum(0.1 * 0.9 ** (t - 1 - k) * g for k, g in enumerate(gradients)) / (1 - 0.9**t)
            v = sum(0.001 * 0.999 ** (t - 1 - k) * g**2 for k, g in enumerate(gradients)) / (1 - 0.999**t)
            direction = m / (v.sqrt() + 1e-8)
        x = x - ALPHA * direction * factor(equation, x)
    return x


def steps_by_hand(run: Project, equation: str, adam: bool, steps: int) -> None:
    descent = Descent(
        mask=MASKS[equation],
        direction=Adam() if adam else Gradient(),
        stop=Never(),
        step_size=ALPHA,
        max_steps=steps,
        clamp=None,
    )
    result = run(Constant(C), X0, descent, omega=OMEGA if equation == "eq. 7" else None)
    assert (result.x - by_hand(equation, adam, steps)).abs().max() < 2e-6
    assert result.terms.reconstruction == pytest.approx(((result.x - C) ** 2).sum().item(), rel=1e-5)
    assert result.terms.distance == pytest.approx((result.x - X0).abs().sum().item(), rel=1e-5, abs=1e-7)
    assert result.terms.total == pytest.approx(result.terms.reconstruction + WEIGHT * result.terms.distance, rel=1e-6)
    assert torch.equal(result.terms.reconstructed, torch.full_like(X0, C))


@pytest.mark.parametrize("equation", MASKS)
@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_steps_by_hand(equation: str, adam: bool, steps: int) -> None:
    steps_by_hand(project, equation, adam, steps)


def test_numbers_that_need_no_formula() -> None:
    """x0 = .1, c = .5: eq. 5 moves by α · .8, eq. 8 by α · .8 · .16, Adam by α, Adam after eq. 8's mask by α · .16."""
    assert by_hand("eq. 5", False, 1)[0, 0, 0, 0] == pytest.approx(0.18)
    assert by_hand("eq. 8", False, 1)[0, 0, 0, 0] == pytest.approx(0.1128)
    assert by_hand("eq. 5", True, 1)[0, 0, 0, 0] == pytest.approx(0.2)
    assert by_hand("eq. 8", True, 1)[0, 0, 0, 0] == pytest.approx(0.116)


def test_a_mask_before_adam_is_found() -> None:
    with pytest.raises(AssertionError):
        steps_by_hand(BUGS["mask before the direction"], "eq. 8", True, 1)
    steps_by_hand(reference, "eq. 8", True, 2)


def test_the_gradient_goes_through_the_network() -> None:
    """f(x) = 2x: ∇‖x − f(x)‖² is 2x; with f(x) a constant it would be −2x."""
    x0 = torch.full((1, 1, 2, 2), 0.5)
    step = Descent(
        energy=Energy(weight=0.0), mask=no_mask, direction=Gradient(), stop=Never(), step_size=0.1, max_steps=1
    )
    assert project(Double(), x0, step).x == pytest.approx(torch.full_like(x0, 0.4))
    detached = replace(step, energy=Energy(weight=0.0, detached=True))
    assert project(Double(), x0, detached).x == pytest.approx(torch.full_like(x0, 0.6))


@pytest.mark.parametrize("loss", [squared_error, model_loss])
def test_the_gradient_equals_finite_differences(loss: object) -> None:
    model, x0 = Net().double(), images(3).double()
    x = x0 + 0.02 + 0.1 * torch.rand(x0.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    energy = Energy(loss=loss, weight=0.05)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(energy(model, x, x0).total.sum(), x)
    along = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = 1e-3  # f(x) is float32; |x − x0| has its kink further away
    with torch.no_grad():
        rise = energy(model, x + step * along, x0).total - energy(model, x - step * along, x0).total
    assert rise / (2 * step) == pytest.approx((gradient * along).flatten(1).sum(1), rel=1e-3, abs=1e-3)


def test_losses_by_hand() -> None:
    x, image = images(3, side=12), images(3, side=12, seed=2)
    reconstruction = Reconstruction(image, torch.tensor([1.0, 2.0, 3.0]))
    assert squared_error(x, reconstruction) == pytest.approx((x - image).square().sum(dim=(1, 2, 3)), rel=1e-6)
    assert dssim(x, reconstruction) == pytest.approx(dssim_map(x, image).sum(dim=(1, 2, 3)), rel=1e-6)
    assert model_loss(x, reconstruction) is reconstruction.loss


@pytest.mark.parametrize("seed", range(3))
def test_adam_equals_torch_optim(seed: int) -> None:
    """Gradients from 1e-6 to 1e3; the bias corrections are float32 here and float64 there."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.Size((3, 2, 4, 4))
    ours, theirs = Adam(), TorchDirection(Adam(), shape)
    state = ours.start(torch.zeros(shape))
    for t in range(1, 30):
        gradient = torch.randn(shape, generator=generator) * 10 ** (9 * torch.rand(shape, generator=generator) - 6)
        direction, state = ours(gradient, state, torch.full((3,), t))
        assert torch.allclose(direction, theirs(gradient), rtol=1e-4, atol=1e-6)


def test_adam_has_a_clock_for_each_sample() -> None:
    """A sample that enters late is corrected as if it were the first step, its neighbour is not."""
    shape = (2, 1, 1, 1)
    state = Adam().start(torch.zeros(shape))
    for t in (1, 2, 3):
        _, state = Adam()(torch.ones(shape), state, torch.tensor([t, 1]))
        state = type(state)(*(torch.cat([moment[:1], torch.zeros(1, 1, 1, 1)]) for moment in state))
    direction, _ = Adam()(torch.full(shape, -1.0), state, torch.tensor([4, 1]))
    assert direction[1].item() == pytest.approx(-1, abs=1e-4)
    assert direction[0].item() == pytest.approx((0.9 * 0.271 - 0.1) / (1 - 0.9**4), abs=1e-4)
