"""Search in z: nothing of a sample's own depends on the others, and each image has its own start."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import pytest
import torch
from laws import independence
from scipy.stats import kstest
from searches import COMMON, SEARCHES, Coder, NaNCoder
from toys import agree, images

from renormal.contracts import EnergyTerms, Images, Latents, Projection, Stopped
from renormal.projection import (
    Descent,
    Drawn,
    Encoded,
    LatentEnergy,
    Never,
    graph,
    project,
    settle,
)
from renormal.projection.project import _iterate, _starting_points
from renormal.projection.slots import Queue


def searched(model: object, x0: Images, descent: Descent) -> Projection:
    """`project` of the coder: laws bring a network of their own, which has no z."""
    return project(Coder(), x0, descent)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_sample_is_searched_the_same_alone_among_others_and_in_any_slot(name: str) -> None:
    independence(searched, SEARCHES[name])


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_and_checks_change_nothing_to_the_last_bit(name: str, threads: int) -> None:
    descent = replace(SEARCHES[name], slots=2)
    alone = project(Coder(), images(), descent)
    torch.set_num_threads(threads)
    try:
        side = project(Coder(), images(), descent)
        seldom = project(Coder(), images(), replace(descent, check_every=5))
    finally:
        torch.set_num_threads(1)
    for other in (side, seldom):
        agree(other, alone, torch.arange(11), 0.0)


@dataclass(frozen=True)
class InTurn(Drawn):
    """Draws from one generator, image after image: who comes first gets the first."""

    def __call__(self, model: Coder, x0: Images) -> Latents:
        return torch.randn(len(x0), model.latent, generator=torch.Generator().manual_seed(self.seed))


class MeanEncoded(Encoded):
    """z₀ of the batch."""

    reconstructs: ClassVar[bool] = True

    def __call__(self, model: Coder, x0: Images) -> Latents:
        return super().__call__(model, x0).mean(dim=0).expand(len(x0), -1)


class MeanEnergy(LatentEnergy):
    """A mean over the batch, as a loss of training is."""

    def __call__(self, model: Coder, z: Latents, x0: Images) -> EnergyTerms:
        terms = super().__call__(model, z, x0)
        return terms._replace(total=terms.total / len(z))


@pytest.mark.parametrize(
    "energy", [LatentEnergy(start=InTurn()), LatentEnergy(start=MeanEncoded()), MeanEnergy()], ids=type
)
def test_the_law_fails_on_its_bug(energy: LatentEnergy) -> None:
    with pytest.raises(AssertionError):
        independence(searched, replace(SEARCHES["latent_plain"], energy=energy))


def test_each_image_has_its_draw_wherever_it_stands() -> None:
    model, x0, start = Coder(), images(), Drawn(seed=7)
    whole = start(model, x0)
    assert torch.equal(start(model, x0), whole)
    for row in range(11):
        assert torch.equal(start(model, x0[row : row + 1])[0], whole[row])
    assert torch.equal(start(model, x0.flip(0)), whole.flip(0))
    assert torch.equal(start(model, x0.contiguous(memory_format=torch.channels_last)), whole)
    assert torch.equal(start(model, x0.double()).float(), whole)
    for precision in ("float32", "bfloat16"):
        descent = settle(replace(COMMON, energy=LatentEnergy(start=start), precision=precision), model, x0)
        assert torch.equal(_starting_points(descent, model, x0), whole)
    assert start(model, x0[:0]).shape == (0, 5)


def test_the_generator_of_the_caller_is_not_touched() -> None:
    model, x0 = Coder(), images()
    before = torch.get_rng_state()
    Drawn()(model, x0)
    assert torch.equal(torch.get_rng_state(), before)


def test_other_images_and_other_seeds_have_other_draws() -> None:
    x0 = images()
    draws = torch.cat([Drawn(seed)(Coder(), x0) for seed in range(3)])
    assert len(draws.unique(dim=0)) == 33
    near = (torch.arange(16) / 255).view(-1, 1, 1, 1) * (torch.arange(64) == 0).view(1, 1, 8, 8)
    assert len(torch.cat([Drawn(seed)(Coder(), near) for seed in range(16)]).unique(dim=0)) == 256
    turned = Drawn()(Coder(), x0.transpose(2, 3))  # as many pixels of each value, in other places
    assert not (turned == Drawn()(Coder(), x0)).any()


def test_draws_come_from_the_prior() -> None:
    """Of images that differ in one grey value, and of one image under many seeds: N(0, I), and no two alike."""
    one = torch.zeros(1, 2, 8, 8)
    single = torch.arange(256).view(-1, 1, 1, 1) / 255 * (torch.arange(64) == 9).view(1, 1, 8, 8)
    for draws in (
        Drawn()(Coder(), single.expand(-1, 2, -1, -1)),
        torch.cat([Drawn(seed)(Coder(), one) for seed in range(256)]),
    ):
        assert kstest(draws.flatten().numpy(), "norm").pvalue > 0.01
        alike = torch.corrcoef(draws.T) - torch.eye(5)
        assert alike.abs().max() < 4 / math.sqrt(256)
        following = torch.corrcoef(torch.stack([draws[:-1].flatten(), draws[1:].flatten()]))[0, 1]
        assert abs(following) < 4 / math.sqrt(255 * 5)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_replayed_iteration_equals_one_that_is_run(name: str) -> None:
    """What a CUDA graph needs: every buffer in its place, here with a call in place of the graph."""
    model, x0 = Coder(), images()
    descent = settle(replace(SEARCHES[name], check_every=3), model, x0)
    queue = Queue(x0, _starting_points(descent, model, x0), None, descent)
    slots = queue.open(4, (descent.direction.start(queue.points[:4]), descent.stop.start(4, x0.device)))

    def warm(step: graph.Step, device: torch.device) -> graph.Step:
        for _ in range(graph.WARM_UP):
            step()
        return step

    recording = graph.recorded(partial(_iterate, descent, model, queue), slots, warm)
    assert recording is not None
    with torch.enable_grad():
        while queue.exchange(slots):
            for _ in range(3):
                recording.repeat()
    agree(queue.result, project(model, x0, descent), torch.arange(11), 0.0)


@pytest.mark.parametrize("name", SEARCHES)
def test_bfloat16_agrees_with_float32(name: str) -> None:
    descent = replace(SEARCHES[name], stop=Never())
    exact = project(Coder(), images(), descent)
    short = project(Coder(), images(), replace(descent, precision="bfloat16"))
    assert torch.allclose(short.terms.total, exact.terms.total, rtol=1e-2)
    assert short.x.dtype == short.terms.total.dtype == torch.float32


@pytest.mark.parametrize("name", SEARCHES)
def test_it_works_where_gradients_are_off_and_leaves_the_model_alone(name: str) -> None:
    model, expected = Coder(), project(Coder(), images(), SEARCHES[name])
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            agree(project(model, images(), SEARCHES[name]), expected, torch.arange(11), 0.0)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), Coder().parameters(), strict=True))


def test_a_nan_stays_in_its_sample() -> None:
    x0 = images()
    x0[5, 0, 0, 0] = 0.95
    result, healthy = project(NaNCoder(), x0, SEARCHES["latent"]), project(Coder(), x0, SEARCHES["latent"])
    others = torch.arange(11) != 5
    assert torch.equal(result.x[others], healthy.x[others])
    assert result.terms.total[5].isnan()
    assert result.stopped[5] == Stopped.NOT_FINITE


def test_no_image_is_no_search() -> None:
    result = project(Coder(), images(0), SEARCHES["drawn"])
    assert result.x.shape == (0, 2, 8, 8)
