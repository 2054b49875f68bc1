"""Stop criteria, one sample at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from renormal.contracts import EnergyTerms
from renormal.projection import AnyOf, Never, Plateau, Threshold
from renormal.projection.stop import StopCriterion


def terms(total: list[float], reconstruction: list[float] | None = None) -> EnergyTerms:
    energy = torch.tensor(total)
    loss = energy if reconstruction is None else torch.tensor(reconstruction)
    return EnergyTerms(energy, loss, torch.zeros_like(energy), torch.zeros(len(energy), 1, 1, 1))


def answers(criterion: StopCriterion, histories: list[list[float]]) -> list[list[bool]]:
    """The answer of the criterion after each energy of each sample."""
    state = criterion.start(len(histories), torch.device("cpu"))
    found = []
    for column in zip(*histories, strict=True):
        stopped, state = criterion(terms(list(column)), state)
        found.append(stopped.tolist())
    return [list(row) for row in zip(*found, strict=True)]


def test_threshold_is_eq_3() -> None:
    """Anomalous where L_r ≥ T; the energy's other term does not count."""
    stopped, _ = Threshold(value=2.0)(terms([9.0, 9, 9], [1.999, 2.0, 2.001]), ())
    assert stopped.tolist() == [True, False, False]


def test_plateau_by_hand() -> None:
    histories = [
        [10, 5, 4, 4, 4, 3],  # two steps without a fall stop it, a later fall changes its mind: the loop keeps the stop
        [10, 9.95, 9.91, 9.85, 9.8, 9.76],  # each fall is below 1 %, but against the last that counted it adds up
        [10, 11, 12, 5, 5, 5],  # rising counts as waiting
        [-1, -2, -3, -3.01, -3.02, -9],  # energies may be negative
    ]
    assert answers(Plateau(tolerance=1e-2, patience=2), histories) == [
        [False, False, False, False, True, False],
        [False, False, True, False, False, True],
        [False, False, True, False, False, True],
        [False, False, False, False, True, False],
    ]


def test_plateau_does_not_wait_for_nan() -> None:
    assert answers(Plateau(patience=2), [[1.0, float("nan"), float("nan")]]) == [[False, False, True]]


def test_any_of_is_the_first_to_answer() -> None:
    both = Threshold(value=1.0) | Plateau(tolerance=0.0, patience=2)
    assert both == AnyOf((Threshold(value=1.0), Plateau(tolerance=0.0, patience=2)))
    assert answers(both, [[5, 0.5, 0.4], [5, 5, 5], [5, 4, 3]]) == [
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    three = both | Never()
    assert answers(three, [[5, 0.5, 0.4]]) == [[False, True, True]]


def test_never() -> None:
    assert answers(Never(), [[1, 0, -1]]) == [[False] * 3]


@pytest.mark.parametrize("quantile", [0.0, 0.05, 0.3, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_fitted_equals_numpy(quantile: float, count: int) -> None:
    losses = 100 * torch.rand(count, generator=torch.Generator().manual_seed(count))
    criterion = Threshold(quantile=quantile).fitted(losses)
    assert criterion.value == pytest.approx(np.quantile(losses.double().numpy(), quantile), rel=1e-12)


def test_fitted_at_the_ends_is_exact() -> None:
    losses = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert Threshold(quantile=0).fitted(losses).value == losses.min().item()
    assert Threshold(quantile=1).fitted(losses).value == losses.max().item()
    assert Threshold().quantile == 0  # section 4.1: the minimum


def test_fitted_reaches_into_a_composition_and_leaves_what_is_given() -> None:
    losses = torch.tensor([3.0, 1.0, 2.0])
    composed = (Threshold(quantile=1) | Threshold(value=7.0) | Plateau() | Never()).fitted(losses)
    ((inner, plateau), never) = (composed.criteria[0].criteria, composed.criteria[1])
    assert inner.criteria == (Threshold(value=3.0, quantile=1), Threshold(value=7.0))
    assert (plateau, never) == (Plateau(), Never())


@pytest.mark.parametrize(
    ("losses", "message"),
    [(torch.zeros(0), "got 0 of 0"), (torch.tensor([1.0, float("nan")]), "got 1 of 2")],
)
def test_a_threshold_needs_finite_losses(losses: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Threshold().fitted(losses)


@pytest.mark.parametrize("quantile", [-0.1, 1.1, float("nan")])
def test_a_quantile_lies_in_0_1(quantile: float) -> None:
    with pytest.raises(ValueError, match=f"got {quantile}"):
        Threshold(quantile=quantile)
