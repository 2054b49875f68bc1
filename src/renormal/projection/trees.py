"""Nested tuples of tensors: what a direction and a stop criterion remember of each sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import PerSample
from renormal.functional.blocks import per_row


def combine(function: Callable[..., Tensor], *trees: Any) -> Any:
    """`function` of the tensors at one place of nested tuples of one shape, in a tuple of the same type."""
    if isinstance(trees[0], Tensor):
        return function(*trees)
    items = [combine(function, *parts) for parts in zip(*trees, strict=True)]
    return type(trees[0])(*items) if hasattr(trees[0], "_fields") else tuple(items)


def where(condition: PerSample, new: Any, old: Any) -> Any:
    """`new` in the rows where the condition holds, `old` in the others."""
    return combine(lambda one, other: torch.where(per_row(condition, one), one, other), new, old)


def write_rows(target: Any, source: Any, rows: Tensor) -> None:
    """target[rows] = source[rows]."""
    if isinstance(target, Tensor):
        target[rows] = source[rows].to(target.dtype)
    else:
        for one, other in zip(target, source, strict=True):
            write_rows(one, other, rows)
