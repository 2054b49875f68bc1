"""Slots: the order in which samples move changes only the time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import DESCENTS, Constant, Net, holes, images, slow_decay, unstopped

from renormal.contracts import Autoencoder, EnergyTerms, Images, Reconstruction, Stopped
from renormal.functional.norms import squared_distance
from renormal.projection import (
    Energy,
    Never,
    Threshold,
    error_mask,
    project,
    reconstruction_losses,
)

STEPS = [0, 7, 1, 30, 0, 2, 2, 15, 3, 1, 0, 9, 4]


@pytest.mark.parametrize("slots", [1, 2, 5, 13, 100])
@pytest.mark.parametrize("check_every", [1, 3, 50])
def test_every_sample_takes_the_steps_that_it_needs_and_comes_out_in_its_place(slots: int, check_every: int) -> None:
    model, x0, descent = slow_decay(STEPS)
    result = project(model, x0, replace(descent, slots=slots, check_every=check_every))
    assert result.steps.tolist() == STEPS
    assert (result.stopped == Stopped.ARRIVED).all()
    expected = 0.5 + (x0 - 0.5) * 0.9 ** torch.tensor(STEPS)[:, None, None, None]  # x − c shrinks by 1 − 2α
    assert torch.allclose(result.x, expected, atol=1e-5)


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("check_every", [2, 7])
def test_checking_less_often_changes_nothing(name: str, check_every: int) -> None:
    """To the last bit: x, terms and steps."""
    descent, omega = DESCENTS[name], holes()
    often = project(Net(), images(), descent, omega=omega)
    seldom = project(Net(), images(), replace(descent, check_every=check_every), omega=omega)
    for one, other in zip(
        (*often[:1], *often.terms, *often[2:]), (*seldom[:1], *seldom.terms, *seldom[2:]), strict=True
    ):
        assert torch.equal(one, other)


class ThirdTime(Never):
    """True at the third evaluation and never again."""

    def start(self, samples: int, device: torch.device) -> Tensor:
        return torch.zeros(samples)

    def __call__(self, terms: EnergyTerms, state: Tensor) -> tuple[Tensor, Tensor]:
        return state == 2, state + 1


@pytest.mark.parametrize("check_every", [1, 2, 7])
def test_a_stopped_sample_never_starts_again(check_every: int) -> None:
    result = project(Net(), images(), replace(DESCENTS["eq8"], stop=ThirdTime(), check_every=check_every))
    assert result.steps.tolist() == [2] * 11
    assert (result.stopped == Stopped.ARRIVED).all()


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("check_every", [1, 4])
def test_the_observer_sees_each_sample_at_each_step_once(name: str, check_every: int) -> None:
    descent, model, x0 = replace(DESCENTS[name], check_every=check_every), Net(), images()
    seen: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def observe(samples: Tensor, t: Tensor, x: Tensor, terms: EnergyTerms) -> None:
        for row, key in enumerate(zip(samples.tolist(), t.tolist(), strict=True)):
            assert key not in seen
            seen[key] = x[row].clone(), terms.total[row].clone()

    result = project(model, x0, descent, observe=observe)
    steps = result.steps.tolist()
    assert set(seen) == {(sample, t) for sample in range(len(x0)) for t in range(steps[sample] + 1)}
    ends = [project(model, x0, unstopped(descent, t)) for t in range(max(steps) + 1)]
    for (sample, t), (x, total) in seen.items():
        if t == 0:
            assert torch.equal(x, x0[sample])
        if not descent.safeguard:  # else a refused point is seen too
            assert torch.equal(x, ends[t].x[sample])
            assert torch.equal(total, ends[t].terms.total[sample])


def test_an_observer_cannot_disturb_the_descent() -> None:
    def vandal(samples: Tensor, t: Tensor, x: Tensor, terms: EnergyTerms) -> None:
        for value in (samples, t, x, *terms):
            value.zero_()

    descent = DESCENTS["eq8_adam"]
    assert torch.equal(project(Net(), images(), descent, observe=vandal).x, project(Net(), images(), descent).x)


class Counting:
    """Eq. 4 that counts the images it was asked for."""

    def __init__(self, energy: Energy) -> None:
        self.energy, self.rows = energy, 0

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        self.rows += len(x)
        return self.energy(model, x, x0)


@pytest.mark.parametrize("seed", range(2))
def test_no_sample_waits_for_the_slowest(seed: int) -> None:
    """Heavy-tailed step counts, 1500 samples, 16 slots: at most 10 % more than one evaluation a sample and step."""
    generator = torch.Generator().manual_seed(seed)
    steps = (3 / torch.rand(1500, generator=generator)).long().clamp(max=100).tolist()
    model, x0, descent = slow_decay(steps)
    counting = Counting(descent.energy)
    result = project(model, x0, replace(descent, energy=counting, slots=16))
    assert result.steps.tolist() == steps
    ideal = sum(steps) + len(steps)
    in_batches = sum(16 * (max(steps[start : start + 16]) + 1) for start in range(0, 1500, 16))
    assert counting.rows <= 1.10 * ideal
    assert in_batches > 2 * ideal  # what it would be if each batch waited


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("check_every", [1, 4])
def test_the_energy_at_the_start_is_that_of_x0_whenever_a_sample_enters(name: str, check_every: int) -> None:
    """E(x0) of each sample, whatever becomes of it later, and whichever sample had its slot before."""
    x0, descent = images(), replace(DESCENTS[name], check_every=check_every)
    result = project(Net(), x0, descent)
    with torch.no_grad():
        expected = descent.energy(Net(), x0, x0).total
    assert torch.allclose(result.energy_start, expected, rtol=1e-6)
    assert (result.terms.total != result.energy_start).any()


def test_without_steps_the_terms_are_those_of_x0() -> None:
    x0, descent = images(), unstopped(DESCENTS["eq8_adam"], 0)
    result = project(Net(), x0, descent)
    assert torch.equal(result.x, x0)
    assert result.steps.tolist() == [0] * 11
    assert (result.stopped == Stopped.OUT_OF_STEPS).all()
    losses = reconstruction_losses(Net(), x0, descent)
    assert torch.allclose(result.terms.total, losses, rtol=1e-6)
    assert torch.equal(result.terms.distance, torch.zeros(11))
    assert torch.equal(result.energy_start, result.terms.total)


def test_an_empty_batch_comes_back() -> None:
    result = project(Net(), images(0), DESCENTS["eq8_adam"], omega=holes(0))
    assert result.x.shape == result.terms.reconstructed.shape == (0, 2, 8, 8)
    assert [len(value) for value in (*result[2:], *result.terms)] == [0] * 7


def test_the_caller_keeps_his_images() -> None:
    x0, omega = images(), holes()
    project(Net(), x0, DESCENTS["eq8_adam"], omega=omega)
    assert torch.equal(x0, images())
    assert torch.equal(omega, holes())


def test_channels_last_is_kept_up_to_the_network() -> None:
    class Watched(Net):
        def reconstruct(self, x: Images) -> Reconstruction:
            assert x.is_contiguous(memory_format=torch.channels_last)
            return super().reconstruct(x)

    x0 = images().contiguous(memory_format=torch.channels_last)
    for descent in DESCENTS.values():
        result = project(Watched(), x0, descent, omega=holes())
        assert result.x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", DESCENTS)
def test_float64_stays_float64(name: str) -> None:
    exact = project(Net().double(), images().double(), DESCENTS[name])
    assert exact.x.dtype == exact.terms.total.dtype == torch.float64
    kinks = name.startswith("map_tv")  # pixels that moved alike differ by rounding, whose sign is a slope of TV
    found = project(Net(), images(), DESCENTS[name]).x
    assert torch.allclose(exact.x.float(), found, atol=5e-3 if kinks else 1e-5)


def test_a_model_may_answer_in_bfloat16() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(2, 2, 1)

        def reconstruct(self, x: Images) -> Reconstruction:
            image = self.layer(x)
            assert image.dtype == torch.bfloat16
            return Reconstruction(image, squared_distance(x, image))

    result = project(Foreign(), images(), replace(DESCENTS["eq8_adam"], precision="bfloat16"))
    assert {value.dtype for value in (result.x, *result.terms)} == {torch.float32}


def test_autocast_around_the_call_is_not_inherited() -> None:
    descent = DESCENTS["eq8_adam"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = project(Net(), images(), descent)
    assert torch.equal(inside.x, project(Net(), images(), descent).x)


def test_a_nan_on_the_way_ends_there() -> None:
    """Finite at x0 = 0.9 and 0.95, NaN once a pixel is below 0.8."""

    class Cliff(Constant):
        def reconstruct(self, x: Images) -> Reconstruction:
            image = torch.where(
                (x < 0.8).flatten(1).any(dim=1)[:, None, None, None], torch.nan, torch.full_like(x, 0.5)
            )
            return Reconstruction(image, squared_distance(x, image))

    x0 = torch.tensor([0.9, 0.95])[:, None, None, None].expand(-1, 1, 2, 2)
    descent = replace(DESCENTS["eq5_adam"], stop=Never(), step_size=0.06, max_steps=2)
    result = project(Cliff(), x0, descent)
    assert result.steps.tolist() == [2, 2]
    assert result.stopped.tolist() == [Stopped.NOT_FINITE, Stopped.OUT_OF_STEPS]
    assert result.terms.total.isnan().tolist() == [True, False]
    safe = project(Cliff(), x0, replace(descent, safeguard=True, max_steps=8))
    assert safe.terms.total.isfinite().all()  # the step over the cliff is refused
    assert (safe.x >= 0.8).all()


def test_losses_for_the_threshold_are_those_of_the_descent() -> None:
    x0, descent = images(), DESCENTS["eq8_adam"]
    losses = reconstruction_losses(Net(), x0, descent)
    assert torch.equal(losses[:4], project(Net(), x0[:4], unstopped(descent, 0)).terms.reconstruction)
    stopped = project(Net(), x0, replace(descent, stop=Threshold(quantile=1).fitted(losses))).stopped
    assert (stopped == Stopped.ARRIVED).all()


def test_omega_may_be_boolean() -> None:
    descent = replace(DESCENTS["eq8_adam"], mask=error_mask)
    numbers = project(Net(), images(), descent, omega=holes())
    assert torch.equal(project(Net(), images(), descent, omega=holes() > 0).x, numbers.x)
