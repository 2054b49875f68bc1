"""Bins for values >= 0 of any size: a float32's bit pattern rises with its value, and the leading bits are a bin."""

from __future__ import annotations

import torch
from torch import Tensor

FRACTION = 23  # bits of a float32 behind its sign and its 8 bits of exponent
KEPT, KEPT_FINE = 11, 15  # of them: values closer than 5e-4 of themselves share a bin; within the fine range, 3e-5
FINE_FROM, FINE_TO = (127 - 5) << FRACTION, (127 + 1) << FRACTION  # bit patterns of 1/32 and 2
FINITE = 0xFF << KEPT  # coarse bins of the finite numbers
BINS = (0x100 << KEPT) + ((FINE_TO - FINE_FROM) >> (FRACTION - KEPT_FINE))  # fine bins


def coarse_bins(values: Tensor) -> Tensor:
    """Exponent and leading bits of the fraction, int32 in [0, FINITE) where values are finite and >= 0."""
    return _bits(values) >> (FRACTION - KEPT)


def lower_ends(index: Tensor) -> Tensor:
    """The smallest value of each coarse bin."""
    return (index.int() << (FRACTION - KEPT)).view(torch.float32)


def fine_bins(values: Tensor) -> Tensor:
    """Coarse bins, with finer ones between 1/32 and 2, where the maximum of DSSIM lies; int32 in [0, BINS)."""
    bits = _bits(values)
    finer = (bits.clamp(FINE_FROM, FINE_TO) - FINE_FROM) >> (FRACTION - KEPT_FINE)
    return (bits >> (FRACTION - KEPT)) + finer


def fine_edge(index: int) -> float:
    """The smallest value whose fine bin is `index` or above it; infinite beyond the finite numbers."""
    first, finer = FINE_FROM >> (FRACTION - KEPT), 1 << (KEPT_FINE - KEPT)  # finer: fine bins of a coarse one
    coarse, rest = divmod(index - first, finer + 1)
    bits = FINE_FROM + ((coarse * finer + min(rest, finer)) << (FRACTION - KEPT_FINE))
    if index <= first:
        bits = index << (FRACTION - KEPT)
    elif bits > FINE_TO:
        bits = (index - (BINS - (0x100 << KEPT))) << (FRACTION - KEPT)
    return float(torch.tensor(min(bits, 0xFF << FRACTION), dtype=torch.int32).view(torch.float32))


def add_at(counts: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """`counts` with each of `values` added at its place: in place, since most bins of a batch are empty.

    counts: integers in one dimension. places, values: of one shape, or `values` has one element. What cannot be
    changed in place is copied first: one zero that stands for all, or a tensor of inference mode.
    """
    if counts.is_inference() and not torch.is_inference_mode_enabled():
        counts = counts.clone()
    places = places.flatten()
    return counts.contiguous().index_add_(0, places, values.flatten().expand(len(places)))


def _bits(values: Tensor) -> Tensor:
    return values.float().abs().view(torch.int32)  # abs: −0.0 has its sign bit set
