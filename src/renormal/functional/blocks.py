"""Elementwise operations on a few rows at a time: a CPU then has all operands in its cache."""

from __future__ import annotations

from torch import Tensor

from renormal.contracts import PerSample

NUMBERS = 131_072  # of a tensor in one block, ours: eight such float32 tensors fit into 2 MB


def blocks(images: Tensor) -> list[slice]:
    """Slices that cover the first dimension; on any device but a CPU a single one."""
    samples = len(images)
    rows = max(1, NUMBERS // max(1, images[:1].numel())) if images.device.type == "cpu" else max(1, samples)
    return [slice(start, min(start + rows, samples)) for start in range(0, samples, rows)]


def per_row(values: PerSample, rows: Tensor) -> Tensor:
    """(B,) → (B, 1, …, 1): one number for each row, with as many dimensions as `rows`."""
    return values.view(-1, *(1,) * (rows.ndim - 1))
