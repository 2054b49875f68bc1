"""`project` is held to `reference`, over the product of everything that a descent is made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from planted import BUGS
from searches import NaNCoder
from torch import Tensor, nn
from toys import NaNFor, Project, agree, holes, images

from renormal.contracts import Projection, Stopped
from renormal.projection import (
    Adam,
    AnoGANEnergy,
    ClippedGradient,
    Descent,
    Energy,
    Gradient,
    LatentEnergy,
    LatentSearch,
    Never,
    Plateau,
    Threshold,
    TotalVariation,
    dssim,
    error_mask,
    known_mask,
    model_loss,
    no_mask,
    project,
    reconstruction_losses,
    reference,
)

TOLERANCE = 1e-10  # of x, the terms and E(x0), all in float64
ROUGH = 1e-6  # the same where an energy adds up in float32
FLOAT32 = {"dssim", "latent", "anogan"}
COUNT = 4  # images; energies of the last are NaN from the start, or once it has moved
DIRECTIONS = {"gradient": Gradient(), "adam": Adam(), "clipped": ClippedGradient(bound=0.5, first=1, later=0.5)}
MASKS = {"all": no_mask, "known": known_mask, "error": error_mask}
STOPS = {
    "never": Never(),
    "threshold": Threshold(quantile=0.4),
    "plateau": Plateau(tolerance=0.1, patience=2),
    "any": Threshold(quantile=0.2) | Plateau(tolerance=0.02, patience=1),
}
ENERGIES = {
    "squared_error": Energy(),
    "dssim": Energy(loss=dssim),
    "model_loss": Energy(loss=model_loss),
    "detached": Energy(detached=True),
    "kl": Energy(kl_weight=0.1),
    "tv": Energy(weight=0.02, distance=TotalVariation()),
    "latent": LatentEnergy(weight=0.3),
    "anogan": AnoGANEnergy(),
}
Case = tuple[str, str, str, str, bool]  # direction, mask, stop, energy, safeguard
X0 = (
    256 * images(COUNT).double()
).round() / 256  # with α a power of ½: equal changes of two pixels are equal to the bit
X0[-1, 0, 0, 0] = 0.95
OMEGA = holes(COUNT).double()


def model_of(case: Case) -> nn.Module:
    return (NaNCoder() if isinstance(ENERGIES[case[3]], LatentSearch) else NaNFor()).double()


def losses_of(case: Case) -> Tensor:
    """L_r of the images whose energies are finite at the start."""
    return reconstruction_losses(model_of(case), X0[:-1], Descent(ENERGIES[case[3]], no_mask, clamp=None, stop=Never()))


def descent_of(case: Case, losses: Tensor) -> Descent:
    direction, mask, stop, energy, safeguard = case
    return Descent(
        energy=ENERGIES[energy],
        mask=MASKS[mask],
        direction=DIRECTIONS[direction],
        stop=STOPS[stop].fitted(losses),
        step_size=(0.25 if mask == "error" else 0.0625) * (16 if safeguard else 1),  # so that updates are refused
        max_steps=4,
        clamp=None if isinstance(ENERGIES[energy], LatentSearch) else (0.0, 1.0),
        safeguard=safeguard,
        slots=2,
    )


def possible() -> Iterator[Case]:
    """All but what Descent refuses."""
    for case in product(DIRECTIONS, MASKS, STOPS, ENERGIES, (False, True)):
        try:
            descent_of(case, torch.ones(1))
        except ValueError:
            continue
        yield case


CASES = list(possible())


def compare(one: Project, case: Case) -> Projection:
    """That `one` and `project` agree; what `project` answered."""
    model, descent = model_of(case), descent_of(case, losses_of(case))
    omega = None if isinstance(descent.energy, LatentSearch) or case[1] == "all" else OMEGA
    found = project(model, X0, descent, omega=omega)
    agree(one(model, X0, descent, omega=omega), found, torch.arange(COUNT), ROUGH if case[3] in FLOAT32 else TOLERANCE)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_project_is_the_paper(case: Case) -> None:
    compare(reference, case)


def test_only_a_search_in_z_with_a_mask_is_left_out() -> None:
    left_out = {
        (mask, energy)
        for _, mask, _, energy, _ in set(product(DIRECTIONS, MASKS, STOPS, ENERGIES, (False, True))) - set(CASES)
    }
    assert left_out == {(mask, energy) for mask in ("known", "error") for energy in ("latent", "anogan")}


def test_the_cases_end_in_every_way() -> None:
    """Otherwise the product would prove little."""
    results = [compare(reference, case) for case in CASES[::20]]
    assert {Stopped(reason) for result in results for reason in result.stopped.tolist()} == set(Stopped)
    assert {steps for result in results for steps in result.steps.tolist()} == {0, 1, 2, 3, 4}


PLAIN: Case = ("gradient", "all", "never", "squared_error", False)
SAFE: Case = ("adam", "error", "never", "squared_error", True)
PLANTED: dict[str, Case] = {
    "uphill": PLAIN,
    "no omega": ("gradient", "known", "never", "squared_error", False),
    "terms of the step before": PLAIN,
    "one step at least": ("gradient", "all", "threshold", "squared_error", False),
    "one step too many": PLAIN,
    "mask before the direction": ("adam", "error", "never", "squared_error", False),
    "α stays": SAFE,
    "nothing is refused": SAFE,
    "a refused update is remembered": SAFE,
    "one clock for refused and accepted": SAFE,
    "no clamp": ("adam", "all", "never", "dssim", False),
    "a NaN is out of steps": PLAIN,
    "out of steps arrives": PLAIN,
    "z for x": ("gradient", "all", "never", "latent", False),
    "E of the end at the start": PLAIN,
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    """`project` and the paper with a bug differ."""
    with pytest.raises(AssertionError):
        compare(BUGS[bug], PLANTED[bug])
