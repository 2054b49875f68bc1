"""Reductions over pixels and channels, never over samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from renormal.contracts import PerSample

P = ParamSpec("P")
R = TypeVar("R")


def per_sample_sum(values: Tensor) -> PerSample:
    """Σ over all dimensions but the first, in float32 at least."""
    return values.sum(dim=tuple(range(1, values.ndim)), dtype=torch.promote_types(values.dtype, torch.float32))


def l1_distance(x: Tensor, y: Tensor) -> PerSample:
    """‖x − y‖₁ of each sample."""
    return per_sample_sum((x - y).abs())


def squared_distance(x: Tensor, y: Tensor) -> PerSample:
    """‖x − y‖² of each sample."""
    return per_sample_sum(mse_loss(x, y, reduction="none"))  # one pass, and one a gradient


def float32(function: Callable[P, R]) -> Callable[P, R]:
    """Leave autocast for the whole of `function`: differences of large moments cancel to nothing in bfloat16."""

    @wraps(function)
    def outside(*args: P.args, **kwargs: P.kwargs) -> R:
        tensor = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        with torch.autocast(tensor.device.type, enabled=False):
            return function(*args, **kwargs)

    return outside
