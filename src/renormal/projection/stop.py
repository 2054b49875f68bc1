"""When a sample has arrived: criteria with one answer for each sample, to be joined by `|`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from renormal.contracts import EnergyTerms, PerSample


class StopCriterion(Protocol):
    """(terms, state) → (stopped, state), all per sample; `fitted` fits it to the losses of normal images.

    unfitted: whether it still needs those losses, which cost a pass over all normal images.
    """

    @property
    def unfitted(self) -> bool: ...
    def start(self, samples: int, device: torch.device) -> Any: ...
    def __call__(self, terms: EnergyTerms, state: Any) -> tuple[PerSample, Any]: ...
    def fitted(self, losses: PerSample) -> StopCriterion: ...


class _Composable:
    @property
    def unfitted(self) -> bool:
        return False

    def fitted(self, losses: PerSample) -> Any:
        return self

    def __or__(self, other: StopCriterion) -> AnyOf:
        return AnyOf((self, other))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Never(_Composable):
    """Run to max_steps."""

    def start(self, samples: int, device: torch.device) -> tuple[()]:
        return ()

    def __call__(self, terms: EnergyTerms, state: tuple[()]) -> tuple[PerSample, tuple[()]]:
        return torch.zeros_like(terms.total, dtype=torch.bool), state


@dataclass(frozen=True)
class Threshold(_Composable):
    """L_r(x) < T: the sample is normal again (eq. 3).

    T is `value`, or the `quantile` of L_r over normal images, 0 being their minimum as in section 4.1. L_r is the loss
    of the descent's own energy.
    """

    value: float | None = None
    quantile: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"a quantile lies in [0, 1], got {self.quantile}")
        if self.value is not None and math.isnan(self.value):
            raise ValueError("the stop threshold is NaN: no loss is below it")

    @property
    def unfitted(self) -> bool:
        return self.value is None

    def fitted(self, losses: PerSample) -> Threshold:
        """T where it was not given."""
        if self.value is not None:
            return self
        ordered = losses.cpu().double().sort().values
        finite = int(ordered.isfinite().sum())
        if finite == 0 or finite < len(ordered):
            raise ValueError(f"a threshold needs finite losses of normal images, got {finite} of {len(ordered)}")
        position = torch.tensor(self.quantile * (len(ordered) - 1), dtype=torch.float64)
        low, high = ordered[int(position.floor())], ordered[int(position.ceil())]
        return replace(self, value=torch.lerp(low, high, position.frac().to(ordered)).item())

    def start(self, samples: int, device: torch.device) -> tuple[()]:
        if self.value is None:
            raise ValueError("the stop threshold has no value: give Threshold(value=...) or call .fitted(losses)")
        return ()

    def __call__(self, terms: EnergyTerms, state: tuple[()]) -> tuple[PerSample, tuple[()]]:
        assert self.value is not None
        return terms.reconstruction < self.value, state


class _History(NamedTuple):
    lowest: Tensor  # energy from which the last improvement was counted
    waited: Tensor  # evaluations since then


@dataclass(frozen=True)
class Plateau(_Composable):
    """E has not fallen by more than `tolerance`·|E| for `patience` steps: the energy has converged (section 3.5)."""

    tolerance: float = 1e-3  # ours
    patience: int = 5  # ours

    def start(self, samples: int, device: torch.device) -> _History:
        return _History(torch.full((samples,), torch.inf, device=device), torch.zeros(samples, device=device))

    def __call__(self, terms: EnergyTerms, state: _History) -> tuple[PerSample, _History]:
        margin = torch.where(state.lowest.isinf(), 0.0, self.tolerance * state.lowest.abs())
        improved = terms.total < state.lowest - margin
        waited = torch.where(improved, 0.0, state.waited + 1)
        lowest = torch.where(improved, terms.total, state.lowest)
        return waited >= self.patience, _History(lowest, waited)


@dataclass(frozen=True)
class AnyOf(_Composable):
    """The first of several criteria to be met."""

    criteria: tuple[StopCriterion, ...]

    @property
    def unfitted(self) -> bool:
        return any(criterion.unfitted for criterion in self.criteria)

    def fitted(self, losses: PerSample) -> AnyOf:
        return AnyOf(tuple(criterion.fitted(losses) for criterion in self.criteria))

    def start(self, samples: int, device: torch.device) -> tuple[Any, ...]:
        return tuple(criterion.start(samples, device) for criterion in self.criteria)

    def __call__(self, terms: EnergyTerms, state: tuple[Any, ...]) -> tuple[PerSample, tuple[Any, ...]]:
        answers = [criterion(terms, own) for criterion, own in zip(self.criteria, state, strict=True)]
        return torch.stack([stopped for stopped, _ in answers]).any(dim=0), tuple(own for _, own in answers)
