"""Where to go from a gradient: functions with per-sample state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from renormal.contracts import PerSample
from renormal.functional.blocks import per_row


class Direction(Protocol):
    """(gradient, state, t) → (direction, state); t counts the updates of each sample from 1.

    The state that is passed in may be overwritten, the gradient may not.
    """

    def start(self, point: Tensor) -> Any: ...
    def __call__(self, gradient: Tensor, state: Any, t: PerSample) -> tuple[Tensor, Any]: ...


class Moments(NamedTuple):
    """Running means of the gradient and of its square."""

    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class Gradient:
    """∇E: plain gradient descent (eq. 5)."""

    def start(self, point: Tensor) -> tuple[()]:
        return ()

    def __call__(self, gradient: Tensor, state: tuple[()], t: PerSample) -> tuple[Tensor, tuple[()]]:
        return gradient, state


@dataclass(frozen=True)
class Adam:
    """m̂ / (√v̂ + ε): Adam's direction (Kingma & Ba, arXiv 1412.6980), each sample on its own clock (section 3.4)."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def start(self, point: Tensor) -> Moments:
        return Moments(torch.zeros_like(point), torch.zeros_like(point))

    def __call__(self, gradient: Tensor, state: Moments, t: PerSample) -> tuple[Tensor, Moments]:
        first = state.first.lerp_(gradient, 1 - self.beta1)
        second = state.second.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        age = per_row(t, gradient)
        bias1, bias2 = 1 - self.beta1**age, (1 - self.beta2**age).sqrt()
        spread = second.sqrt().mul_(bias1 / bias2).add_(self.epsilon * bias1)  # (√v̂ + ε)(1 − β₁ᵗ)
        return torch.div(first, spread, out=spread), state
