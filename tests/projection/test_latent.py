"""Search in z: answers known from elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from searches import COMMON, LOSS, SEARCHES, Coder
from torch import Tensor, nn
from toys import images

from renormal.contracts import EnergyTerms, Images, Latents, PerSample, Reconstruction, Stopped
from renormal.functional.norms import squared_distance
from renormal.projection import (
    Adam,
    Descent,
    Drawn,
    Encoded,
    Gradient,
    LatentEnergy,
    Never,
    Threshold,
    no_mask,
    project,
    reconstruction_losses,
)


class Copies:
    """Dec(z): each number of z in three pixels of its own, Enc(x) = 0. With ‖x₀ − Dec(z)‖₁ alone, z* is a median."""

    latent = 4

    def encode(self, x: Images) -> Latents:
        return x.new_zeros(len(x), 4)

    def decode(self, z: Latents) -> Images:
        return z.repeat_interleave(3, dim=1).view(-1, 1, 3, 4)

    def kl(self, x: Images) -> PerSample:
        return x.new_zeros(len(x))

    def reconstruct(self, x: Images) -> Reconstruction:
        image = self.decode(self.encode(x))
        return Reconstruction(image, squared_distance(x, image))


SLOW = Descent(
    energy=LatentEnergy(weight=0.0),
    mask=no_mask,
    direction=Gradient(),
    stop=Never(),
    step_size=1e-3,
    max_steps=1500,
    clamp=None,
)


@pytest.mark.parametrize("direction", [Gradient(), Adam()])
def test_without_a_prior_a_copying_decoder_ends_at_the_medians(direction: Gradient | Adam) -> None:
    x0 = torch.rand(5, 1, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    medians = x0.view(5, 4, 3).median(dim=2).values
    result = project(Copies(), x0, replace(SLOW, direction=direction))
    assert torch.allclose(result.x, Copies().decode(medians), atol=5e-3)
    expected = (x0 - Copies().decode(medians)).abs().sum(dim=(1, 2, 3))
    assert torch.allclose(result.terms.reconstruction, expected, atol=0.05)


@pytest.mark.parametrize("weight", [2.0, 4.0, 8.0])
def test_with_a_prior_it_ends_where_the_pull_of_three_pixels_and_of_the_prior_are_equal(weight: float) -> None:
    """Three pixels of one value v: 3|v − z| + λz²/2 is least at z* = v, or where λz* = 3."""
    values = torch.tensor([[0.05, 0.3, 0.6, 1.0]], dtype=torch.float64)
    x0 = Copies().decode(values)
    result = project(Copies(), x0, replace(SLOW, energy=LatentEnergy(weight=weight)))
    best = values.clamp(max=3 / weight)
    assert torch.allclose(result.x, Copies().decode(best), atol=1e-2)
    rarity = 0.5 * best.square().sum() + 2 * math.log(2 * math.pi)  # −log N(z; 0, I) in four dimensions
    assert result.terms.distance.item() == pytest.approx(rarity.item(), abs=0.02)
    total = result.terms.reconstruction + weight * result.terms.distance
    assert torch.allclose(result.terms.total, total)


def eq_6(model: Coder, z: Tensor, x0: Images, weight: float) -> tuple[Tensor, Tensor]:
    """E and ‖x₀ − Dec(z)‖₁, with the density from torch.distributions."""
    loss = (x0 - model.decode(z)).abs().sum()
    return loss - weight * torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(), loss


def eq_2(model: Coder, z: Tensor, x0: Images, weight: float) -> tuple[Tensor, Tensor]:
    image = model.decode(z)
    loss = nn.functional.l1_loss(image, x0, reduction="sum")
    features = nn.functional.l1_loss(model.features(image), model.features(x0).detach(), reduction="sum")
    return loss + weight * features, loss


BY_HAND = {"latent": eq_6, "latent_plain": eq_6, "drawn": eq_6, "anogan": eq_2}


@pytest.mark.parametrize("name", BY_HAND)
def test_equal_to_one_image_at_a_time_with_torch_optim(name: str) -> None:
    descent, model, x0 = replace(SEARCHES[name], stop=Threshold(value=LOSS)), Coder(), images()
    result = project(model, x0, descent)
    assert len(result.steps.unique()) >= 3
    for row in range(len(x0)):
        own = x0[row : row + 1]
        z = nn.Parameter(descent.energy.start(model, own).detach())
        optimizer = (torch.optim.Adam if name != "latent_plain" else torch.optim.SGD)([z], lr=descent.step_size)
        for steps in range(descent.max_steps + 1):
            total, loss = BY_HAND[name](model, z, own, descent.energy.weight)
            if loss < LOSS or steps == descent.max_steps:
                break
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        assert (result.steps[row], result.stopped[row] == Stopped.ARRIVED) == (steps, loss < LOSS)
        assert result.terms.total[row].item() == pytest.approx(total.item(), rel=1e-5)
        assert torch.allclose(result.x[row], model.decode(z)[0], atol=1e-4)


@pytest.mark.parametrize("name", SEARCHES)
def test_what_comes_out_is_the_decoded_image(name: str) -> None:
    result = project(Coder(), images(), SEARCHES[name])
    assert torch.equal(result.x, result.terms.reconstructed)
    loss = (images() - result.x).abs().sum(dim=(1, 2, 3))
    assert torch.allclose(result.terms.reconstruction, loss)
    assert len(result.steps.unique()) >= 3, "else the laws below would say little"


@pytest.mark.parametrize("name", SEARCHES)
def test_the_observer_sees_images_of_each_sample_at_each_step_once(name: str) -> None:
    seen: dict[tuple[int, int], Tensor] = {}

    def observe(samples: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        for row, key in enumerate(zip(samples.tolist(), t.tolist(), strict=True)):
            assert key not in seen
            seen[key] = x[row].clone()

    result = project(Coder(), images(), SEARCHES[name], observe=observe)
    steps = result.steps.tolist()
    assert set(seen) == {(sample, t) for sample in range(11) for t in range(steps[sample] + 1)}
    if not SEARCHES[name].safeguard:  # else the last may have been refused
        assert torch.equal(torch.stack([seen[row, t] for row, t in enumerate(steps)]), result.x)


@pytest.mark.parametrize("start", [Encoded(), Drawn()])
def test_without_steps_the_terms_are_those_of_the_start(start: Encoded | Drawn) -> None:
    model, x0 = Coder(), images()
    descent = replace(COMMON, energy=LatentEnergy(weight=0.3, start=start), stop=Never(), max_steps=0)
    result = project(model, x0, descent)
    assert torch.allclose(result.x, model.decode(start(model, x0)), atol=1e-6)
    assert torch.equal(reconstruction_losses(model, x0[:4], descent), result.terms.reconstruction[:4])
    assert torch.equal(result.energy_start, result.terms.total)


def test_the_encoded_start_is_the_baseline_and_its_losses_make_the_threshold() -> None:
    model, x0 = Coder(), images()
    descent = replace(COMMON, energy=LatentEnergy(), stop=Threshold())
    losses = reconstruction_losses(model, x0, descent)
    assert torch.allclose(losses, (x0 - model.reconstruct(x0).image).abs().sum(dim=(1, 2, 3)))
    strict = replace(descent, stop=descent.stop.fitted(losses))
    assert (project(model, x0, strict).steps > 0).all()
    lenient = replace(descent, stop=Threshold(quantile=1).fitted(losses + 1))
    result = project(model, x0, lenient)
    assert result.steps.tolist() == [0] * 11
    assert torch.allclose(result.x, model.reconstruct(x0).image, atol=1e-6)
