"""Bins of values: the bit pattern read by numpy, a bin by hand, and the width that is promised."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renormal.functional.bins import BINS, FINITE, coarse_bins, fine_bins, fine_edge, lower_ends

EXPONENTS = torch.arange(-45, 38.0, 0.001)
VALUES = torch.cat([torch.zeros(1), 10**EXPONENTS, torch.tensor([torch.finfo().max])])


def test_bins_are_the_leading_bits_as_numpy_reads_them() -> None:
    bits = VALUES.numpy().view(np.int32)
    assert np.array_equal(coarse_bins(VALUES).numpy(), bits >> 12)
    finer = (np.clip(bits, 0x3D000000, 0x40000000) - 0x3D000000) >> 8
    assert np.array_equal(fine_bins(VALUES).numpy(), (bits >> 12) + finer)
    assert (BINS, FINITE) == (720_896, 522_240)


@pytest.mark.parametrize(
    ("value", "coarse", "fine"),
    [
        (0.0, 0, 0),
        (-0.0, 0, 0),
        (1 / 32, 122 * 2**11, 122 * 2**11),  # exponent −5 is stored as 122
        (1.5, 127 * 2**11 + 2**10, 127 * 2**11 + 2**10 + 5 * 2**15 + 2**14),
        (4.0, 129 * 2**11, 129 * 2**11 + 6 * 2**15),  # six powers of 2 have fine bins
    ],
)
def test_a_bin_by_hand(value: float, coarse: int, fine: int) -> None:
    assert (int(coarse_bins(torch.tensor(value))), int(fine_bins(torch.tensor(value)))) == (coarse, fine)


def test_bins_are_monotone_and_within_their_number() -> None:
    for bins, count in ((coarse_bins(VALUES), FINITE), (fine_bins(VALUES), BINS)):
        assert (bins.diff() >= 0).all()
        assert bins.max() < count


def test_a_value_lies_between_the_ends_of_its_bin_and_they_are_close() -> None:
    values = VALUES[torch.finfo().tiny <= VALUES]
    low, high = lower_ends(coarse_bins(values)), lower_ends(coarse_bins(values) + 1)
    assert ((low <= values) & (values < high)).all()
    assert ((high - low)[:-1] <= 5e-4 * low[:-1]).all()


def test_the_edge_of_a_bin_is_its_smallest_value() -> None:
    """The float below an edge lies in a lower bin, read by numpy."""
    indices = torch.unique(fine_bins(VALUES[::97]))
    edges = torch.tensor([fine_edge(int(index)) for index in indices])
    assert (fine_bins(edges) == indices).all()
    below = torch.from_numpy(np.nextafter(edges[1:].numpy(), np.float32(0)))
    assert (fine_bins(below) < indices[1:]).all()
    assert fine_edge(BINS) == float("inf")


def test_an_index_that_no_value_has_gives_the_next_edge() -> None:
    """Of 17 indices of a coarse bin in the fine range the last one has no value."""
    first = int(fine_bins(torch.tensor(1 / 32)))
    assert fine_edge(first + 16) == fine_edge(first + 17) == pytest.approx(1 / 32 * (1 + 2**-11))
