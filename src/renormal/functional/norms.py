"""Reductions over pixels and channels, never over samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from renormal.contracts import PerSample
from renormal.functional.blocks import blocks, per_row
from renormal.functional.precision import exact_float32

P = ParamSpec("P")
R = TypeVar("R")


def per_sample_sum(values: Tensor) -> PerSample:
    """Σ over all dimensions but the first, in float32 at least."""
    return values.sum(dim=tuple(range(1, values.ndim)), dtype=torch.promote_types(values.dtype, torch.float32))


def l1_distance(x: Tensor, y: Tensor) -> PerSample:
    """‖x − y‖₁ of each sample."""
    if torch.is_grad_enabled() and (x.requires_grad or y.requires_grad):
        return per_sample_sum((x - y).abs())
    return torch.cat([per_sample_sum((x[rows] - y[rows]).abs_()) for rows in blocks(x)] or [x.new_zeros(0)])


def squared_distance(x: Tensor, y: Tensor) -> PerSample:
    """‖x − y‖² of each sample, differentiable once."""
    total: PerSample = _SquaredDistance.apply(x, y, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return total


class _SquaredDistance(torch.autograd.Function):
    """The forward pass computes both gradients, too: it has the difference in the cache."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, differentiate: bool) -> Tensor:
        wanted = [needed and differentiate for needed in ctx.needs_input_grad[:2]]
        gradients = [torch.empty_like(image) if need else None for image, need in zip((x, y), wanted, strict=True)]
        totals = []
        for rows in blocks(x):
            difference = x[rows] - y[rows]
            totals.append(per_sample_sum(difference.square()))
            for gradient, factor in zip(gradients, (2.0, -2.0), strict=True):
                if gradient is not None:
                    torch.mul(difference, factor, out=gradient[rows])
        ctx.save_for_backward(*gradients)
        return torch.cat(totals or [x.new_zeros(0)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *scaled(ctx.saved_tensors, upstream), None


def scaled(gradients: Iterable[Tensor | None], upstream: PerSample) -> list[Tensor | None]:
    """Each gradient times its sample's upstream one; behind a sum these are ones, and a CPU skips the product."""
    if upstream.device.type == "cpu" and _is_one(upstream):
        return list(gradients)
    return [None if g is None else g * per_row(upstream, g).to(g.dtype) for g in gradients]


def float32(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` in float32: no autocast, no TF32, in which small differences have no correct digits."""

    @wraps(function)
    def outside(*args: P.args, **kwargs: P.kwargs) -> R:
        tensor = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        with torch.autocast(tensor.device.type, enabled=False), exact_float32():
            return function(*args, **kwargs)

    return outside


def _is_one(values: Tensor) -> bool:
    """Whether all values are 1. While a graph is traced for an export nobody knows them: then False."""
    try:
        return bool((values == 1).all())
    except RuntimeError:
        return False
