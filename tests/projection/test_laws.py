"""Laws of the projection. Each is a function that asserts: it holds for `project` and fails on the bug it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from laws import independence
from planted import (
    BUGS,
    LeakyAdam,
    MeanEnergy,
    OneClock,
    SharedNaN,
    StayingOmega,
    StopOnMean,
    Unforgetting,
    Uphill,
    anywhere,
)
from torch import Tensor
from toys import COMMON, DESCENTS, Double, NaNFor, Net, Project, agree, holes, images, unstopped

from renormal.contracts import Stopped
from renormal.projection import (
    Adam,
    Descent,
    Energy,
    Gradient,
    Never,
    Plateau,
    Threshold,
    error_mask,
    known_mask,
    no_mask,
    reference,
)
from renormal.projection import project as real

Law = Callable[[Project, Descent], None]
PLAIN = {name: descent for name, descent in DESCENTS.items() if not descent.safeguard}


def terms_belong_to_x(project: Project, descent: Descent) -> None:
    model, x0 = Net(), images()
    result = project(model, x0, descent)
    with torch.no_grad():
        expected = descent.energy(model, result.x, x0)
    for mine, theirs in zip(result.terms, expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def below_the_threshold_nothing_happens(project: Project, descent: Descent) -> None:
    model, x0 = Net(), images()
    losses = model.reconstruct(x0).loss.detach()
    low, high = losses.sort().values[4:6]
    assert (high - low) / high > 1e-3, "no rounding error carries a loss across"
    between = ((low + high) / 2).item()
    result = project(model, x0, replace(descent, stop=Threshold(value=between)))
    below = losses < between
    assert torch.equal(result.x[below], x0[below])
    assert result.steps[below].tolist() == [0] * 5
    assert (result.stopped[below] == Stopped.ARRIVED).all()
    assert (result.steps[~below] > 0).all()


def outside_omega_nothing_moves(project: Project, descent: Descent, channels: int = 1) -> None:
    model, x0, omega = Net(), images(), holes(channels=channels)
    moved = project(model, x0, descent, omega=omega).x != x0
    inside = (omega > 0).expand_as(x0)
    assert not moved[~inside].any()
    assert (moved & inside).flatten(1).any(dim=1).all()


def the_model_is_left_alone(project: Project, descent: Descent, training: bool = False) -> None:
    model = Net().train(training)
    model.first.weight.grad = torch.ones_like(model.first.weight)
    model.second.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    project(model, images(), descent)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.first.weight.grad, torch.ones_like(model.first.weight))
    assert [parameter.grad for parameter in (model.first.bias, *model.second.parameters())] == [None] * 3
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, True, False, False]
    assert [module.training for module in model.modules()] == [training] * 3


def it_works_wherever_it_is_called(project: Project, descent: Descent) -> None:
    model, x0, omega = Net(), images(), holes()
    outside = project(model, x0, descent, omega=omega)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            inside = project(model, x0 + 0, descent, omega=omega + 0)
        agree(inside, outside, torch.arange(11), 0.0)
        assert not inside.x.requires_grad
        assert not inside.x.is_inference()  # what comes out can be used anywhere


def the_energy_never_rises(project: Project, descent: Descent) -> None:
    """After any number of updates of a plain descent with a small α."""
    for model in (Net(), Double()):
        results = [
            project(model, images(), replace(descent, max_steps=steps)) for steps in range(descent.max_steps + 1)
        ]
        energies = torch.stack([result.terms.total for result in results])
        assert (energies.diff(dim=0) <= 0).all()


def the_safeguard_holds(project: Project, descent: Descent) -> None:
    """The energy of what would come out after n steps never rises with n, and what comes out is not where it began."""
    model, x0 = Net(), images()
    results = [project(model, x0, replace(descent, max_steps=steps, slots=11)) for steps in (0, 1, 2, 4, 8, 13)]
    energies = torch.stack([result.terms.total for result in results])
    assert (energies.diff(dim=0) <= 0).all()
    assert (energies[-1] < energies[0]).all()


def a_refused_update_is_no_evidence(project: Project, descent: Descent) -> None:
    """With an α far too large every update is refused at first: the stop waits until α fits, and no sample is left."""
    model, x0 = Net(), images()
    result = project(model, x0, descent)
    assert (result.terms.total < 0.9 * result.energy_start).all()
    assert (result.stopped == Stopped.ARRIVED).all()


def a_nan_stays_in_its_sample(project: Project, descent: Descent) -> None:
    x0 = images()
    x0[5, 0, 0, 0] = 0.95
    others = torch.tensor([index for index in range(11) if index != 5])
    result, healthy = project(NaNFor(), x0, descent), project(Net(), x0, descent)
    assert torch.equal(result.x[others], healthy.x[others])
    assert torch.equal(result.steps[others], healthy.steps[others])
    assert torch.equal(result.terms.total[others], healthy.terms.total[others])
    assert torch.equal(result.x[5], x0[5])
    assert result.terms.total[5].isnan()
    assert result.terms.reconstruction[5].isnan()
    assert result.stopped[5] == Stopped.NOT_FINITE
    assert result.steps[5] == 0


def test_a_nan_is_no_arrival() -> None:
    """A plateau of patience 1 is reached at once where the energy is NaN, and says so."""
    result = real(NaNFor(), images() * 0 + 0.95, replace(COMMON, stop=Plateau(patience=1)))
    assert result.steps.tolist() == [0] * 11
    assert (result.stopped == Stopped.NOT_FINITE).all()


SMALL = replace(COMMON, energy=Energy(weight=0.0), mask=no_mask, direction=Gradient(), step_size=0.005, stop=Never())
FILLING = replace(unstopped(DESCENTS["eq8_adam"], 6), mask=known_mask)


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize(
    "law",
    [
        independence,
        terms_belong_to_x,
        below_the_threshold_nothing_happens,
        the_model_is_left_alone,
        partial(the_model_is_left_alone, training=True),
        it_works_wherever_it_is_called,
        a_nan_stays_in_its_sample,
    ],
    ids=lambda law: getattr(law, "__name__", "the_model_is_left_in_training"),
)
def test_law(law: Law, name: str) -> None:
    law(real, DESCENTS[name])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mask", [known_mask, error_mask])
@pytest.mark.parametrize("direction", [Gradient(), Adam()])
@pytest.mark.parametrize("safeguard", [False, True])
def test_outside_omega(channels: int, mask: Callable[..., Tensor], direction: Gradient | Adam, safeguard: bool) -> None:
    descent = replace(unstopped(COMMON, 6), mask=mask, direction=direction, step_size=0.05, safeguard=safeguard)
    outside_omega_nothing_moves(real, descent, channels)


def test_plain_descent_with_a_small_step() -> None:
    the_energy_never_rises(real, SMALL)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("step_size", [0.01, 0.5, 50.0])
@pytest.mark.parametrize("clamp", [None, (0.0, 1.0)])
def test_safeguard(name: str, step_size: float, clamp: tuple[float, float] | None) -> None:
    descent = replace(PLAIN[name], safeguard=True, step_size=step_size, clamp=clamp, stop=Never())
    the_safeguard_holds(real, descent)


def test_safeguard_keeps_the_image_where_every_step_is_worse() -> None:
    descent = replace(SMALL, direction=Uphill(), safeguard=True, step_size=0.5, max_steps=5)
    result = real(Net(), images(), descent)
    assert torch.equal(result.x, images())
    assert result.steps.tolist() == [5] * 11


LEAPING = replace(
    SMALL, safeguard=True, step_size=1e4, clamp=None, max_steps=300, stop=Plateau(tolerance=1e-2, patience=3)
)


def test_a_refused_update_is_no_evidence_of_convergence() -> None:
    a_refused_update_is_no_evidence(real, LEAPING)


EQ5, EQ8, EQ8_ADAM = (PLAIN[name] for name in ("eq5", "eq8", "eq8_adam"))
PLANTED = {
    "mean energy": (independence, replace(EQ8, energy=MeanEnergy())),
    "stop on the mean": (independence, replace(EQ8, stop=StopOnMean(value=10.6))),
    "shared moments": (independence, replace(EQ8_ADAM, direction=LeakyAdam())),
    "one clock": (independence, replace(EQ8_ADAM, direction=OneClock())),
    "memory of the slot": (independence, replace(EQ5, direction=Unforgetting())),
    "NaN for all": (a_nan_stays_in_its_sample, replace(EQ8, energy=SharedNaN())),
    "omega of the slot": (outside_omega_nothing_moves, replace(FILLING, mask=StayingOmega(holes()))),
    "no safeguard": (the_safeguard_holds, replace(EQ8, step_size=50.0, stop=Never())),
    "no Jacobian": (the_energy_never_rises, replace(SMALL, energy=Energy(weight=0.0, detached=True))),
}
PLANTED_IN_THE_LOOP = {
    "uphill": (the_energy_never_rises, SMALL),
    "no omega": (outside_omega_nothing_moves, FILLING),
    "a refused update is evidence": (a_refused_update_is_no_evidence, LEAPING),
    "terms of the step before": (terms_belong_to_x, EQ8),
    "one step at least": (below_the_threshold_nothing_happens, EQ8),
    "backward": (the_model_is_left_alone, EQ8),
    "train mode": (the_model_is_left_alone, EQ8),
}


@pytest.mark.parametrize(("law", "descent"), PLANTED.values(), ids=PLANTED)
def test_a_law_fails_on_its_bug(law: Law, descent: Descent) -> None:
    with pytest.raises(AssertionError):
        law(real, descent)


@pytest.mark.parametrize("bug", PLANTED_IN_THE_LOOP)
def test_a_law_fails_on_its_bug_in_the_loop_and_holds_without_it(bug: str) -> None:
    law, descent = PLANTED_IN_THE_LOOP[bug]
    law(anywhere(reference), descent)
    with pytest.raises(AssertionError):
        law(anywhere(BUGS[bug]), descent)


def test_the_law_of_modes_fails_on_what_works_in_one_of_them() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        it_works_wherever_it_is_called(reference, EQ8)


def test_the_toys_need_different_numbers_of_steps() -> None:
    """Else most laws above would say little."""
    for descent in PLAIN.values():
        steps = real(Net(), images(), descent).steps
        assert steps.min() == 0
        assert len(steps.unique()) >= 3
