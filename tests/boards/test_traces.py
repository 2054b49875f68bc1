"""Energies by iteration: what the descent itself reports, sample by sample."""

from __future__ import annotations

import pytest
import torch

from renormal.boards.traces import traced
from renormal.contracts import Images, PerSample, Reconstruction
from renormal.projection import Descent, Gradient, Threshold, project


class Constant:
    """f(x) = ½ for every x."""

    def reconstruct(self, x: Images) -> Reconstruction:
        image = torch.full_like(x, 0.5)
        return Reconstruction(image, ((x - image) ** 2).flatten(1).sum(dim=1))


def by_hand(x0: Images, descent: Descent, steps: int) -> tuple[PerSample, PerSample]:
    """E and L_r after as many updates, each sample until its own stop."""
    ends = [project(Constant(), one[None], Descent(**{**vars(descent), "max_steps": steps})).terms for one in x0]
    return torch.cat([end.total for end in ends]), torch.cat([end.reconstruction for end in ends])


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("safeguard", [False, True])
def test_each_point_is_the_mean_over_samples_that_were_stopped_there(slots: int, safeguard: bool) -> None:
    x0 = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x0[0] = 0.5  # arrives at once
    descent = Descent(
        direction=Gradient(), stop=Threshold(value=0.3), step_size=0.6, max_steps=12, slots=slots, safeguard=safeguard
    )
    found = traced(Constant(), x0, descent)
    last = int(project(Constant(), x0, descent).steps.max())
    assert len(found["energy"]) == len(found["reconstruction"]) == last + 1 > 2
    for steps, (energy, loss) in enumerate(zip(found["energy"], found["reconstruction"], strict=True)):
        expected = by_hand(x0, descent, steps)
        assert (energy, loss) == pytest.approx([part.mean().item() for part in expected], rel=1e-5)


def test_a_sample_that_left_the_finite_numbers_is_left_out() -> None:
    class Breaking(Constant):
        def reconstruct(self, x: Images) -> Reconstruction:
            image, loss = super().reconstruct(x)
            far = x.amax(dim=(1, 2, 3), keepdim=True) > 0.9
            return Reconstruction(torch.where(far, torch.nan, image), loss)

    x0 = torch.full((2, 1, 2, 2), 0.7)
    alone = traced(Breaking(), x0[:1], Descent(stop=Threshold(value=0.0), max_steps=3))
    x0[1] = 0.95
    assert traced(Breaking(), x0, Descent(stop=Threshold(value=0.0), max_steps=3)) == alone
    assert traced(Breaking(), x0[1:], Descent(stop=Threshold(value=0.0), max_steps=3)) == {}
