"""Views: which there are, and that each leads back."""

from __future__ import annotations

import pytest
import torch

from renormal.functional.views import View, views

IMAGE = torch.arange(9).view(3, 3)


@pytest.mark.parametrize(
    ("allowed", "count"),
    [
        ((False, False, 0), 1),
        ((True, False, 0), 2),
        ((False, True, 15), 2),
        ((True, True, 15), 4),
        ((False, False, 89), 1),
        ((False, False, 90), 3),  # a quarter to either side, half a turn is too far
        ((False, False, 180), 4),
        ((True, False, 180), 8),
        ((True, True, 180), 8),
    ],
)
def test_there_are_as_many_different_ones_as_the_moves_allow(allowed: tuple[bool, bool, float], count: int) -> None:
    mirror_x, mirror_y, rotate = allowed
    found = views(mirror_x=mirror_x, mirror_y=mirror_y, rotate=rotate)
    assert found[0] == View()
    assert len(found) == len({tuple(view(IMAGE).flatten().tolist()) for view in found}) == count


def test_a_mirror_swaps_what_it_says() -> None:
    (across,) = views(mirror_x=True, mirror_y=False, rotate=0)[1:]
    (down,) = views(mirror_x=False, mirror_y=True, rotate=0)[1:]
    assert torch.equal(across(IMAGE), IMAGE.flip(1))
    assert torch.equal(down(IMAGE), IMAGE.flip(0))


def test_each_leads_back() -> None:
    batch = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for view in views(mirror_x=True, mirror_y=True, rotate=180):
        assert torch.equal(view.back(view(batch)), batch)
