"""Energies by hand: a linear model, whose gradients are matrices, and total variation from two other libraries."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from kornia.losses import total_variation as kornia_variation
from torch import Tensor
from torchmetrics.functional.image import total_variation as torchmetrics_variation
from toys import Constant, Net, images

from renormal.contracts import Autoencoder, EnergyTerms, Images, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.models import VAE, GammaVAE
from renormal.projection import (
    L1,
    ClippedGradient,
    Descent,
    Energy,
    Gradient,
    Never,
    TotalVariation,
    model_loss,
    no_mask,
    project,
    squared_error,
)

SIDE = 4
PIXELS = SIDE * SIDE
DISTANCES = [L1(), TotalVariation()]


class Linear:
    """f(x) = Ax, q(z | x) = N(Mx, exp(Vx)), −log p(x | z) = 3‖x − Ax‖²; in float64."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.a, self.m, self.v = (
            scale * torch.randn(rows, PIXELS, generator=generator, dtype=torch.float64)
            for scale, rows in ((0.2, PIXELS), (0.3, 3), (0.3, 3))
        )

    def reconstruct(self, x: Images) -> Reconstruction:
        image = (x.flatten(1) @ self.a.T).view_as(x)
        return Reconstruction(image, lambda: 3 * squared_distance(x, image))

    def kl(self, x: Images) -> Tensor:
        mean, log_variance = x.flatten(1) @ self.m.T, x.flatten(1) @ self.v.T
        return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1)


class AtHand(Linear):
    """The same, with the KL term in its answer and nowhere else."""

    def reconstruct(self, x: Images) -> Reconstruction:
        image, _ = super().reconstruct(x)
        return Reconstruction(image, lambda: 3 * squared_distance(x, image), lambda: Linear.kl(self, x))

    kl = None


def differences() -> Tensor:
    """(pairs, pixels): a row for each two neighbours, −1 and 1."""
    index = torch.arange(PIXELS).view(SIDE, SIDE)
    pairs = [*zip(index[:-1].flatten(), index[1:].flatten(), strict=True)]
    pairs += [*zip(index[:, :-1].flatten(), index[:, 1:].flatten(), strict=True)]
    matrix = torch.zeros(len(pairs), PIXELS, dtype=torch.float64)
    for row, (one, other) in enumerate(pairs):
        matrix[row, one], matrix[row, other] = -1, 1
    return matrix


def by_hand(energy: Energy, model: Linear, x: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
    """E and ∇E, with matrices."""
    flat, change = x.flatten(1), (x - x0).flatten(1)
    residual = flat - flat @ model.a.T
    factor = 3 if energy.loss is model_loss else 1
    mean, log_variance = flat @ model.m.T, flat @ model.v.T
    kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1)
    pull = mean @ model.m + 0.5 * (log_variance.exp() - 1) @ model.v
    measured = change if isinstance(energy.distance, L1) else change @ differences().T
    away = measured.sign() if isinstance(energy.distance, L1) else measured.sign() @ differences()
    total = factor * (residual**2).sum(dim=1) + energy.kl_weight * kl + energy.weight * measured.abs().sum(dim=1)
    jacobian = torch.eye(PIXELS, dtype=torch.float64) - model.a
    gradient = 2 * factor * residual @ jacobian + energy.kl_weight * pull + energy.weight * away
    return total, gradient.view_as(x)


def point() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, x0 = torch.rand(2, 3, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    return x, x0


@pytest.mark.parametrize("model", [Linear(), AtHand()], ids=["kl_of_the_model", "kl_at_hand"])
@pytest.mark.parametrize("loss", [squared_error, model_loss])
@pytest.mark.parametrize("kl_weight", [0.0, 0.7])
@pytest.mark.parametrize("distance", DISTANCES, ids=["l1", "tv"])
def test_energy_and_gradient_of_a_linear_model(model: Linear, loss: object, kl_weight: float, distance: object) -> None:
    energy = Energy(loss=loss, weight=0.4, kl_weight=kl_weight, distance=distance)
    x, x0 = point()
    total, gradient = by_hand(energy, model, x, x0)
    terms, slope = energy.differentiate(model, x, x0)
    assert torch.allclose(terms.total, total, rtol=1e-12)
    assert torch.allclose(slope(slice(0, 3)), gradient, rtol=1e-10, atol=1e-12)
    assert torch.allclose(slope(slice(1, 2)), gradient[1:2], rtol=1e-10, atol=1e-12)
    moving = x.clone().requires_grad_()  # and through autograd, as for an energy that only says E
    (found,) = torch.autograd.grad(energy(model, moving, x0).total.sum(), moving)
    assert torch.allclose(found, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("distance", DISTANCES, ids=["l1", "tv"])
def test_the_gradient_equals_finite_differences(distance: object) -> None:
    energy, model = Energy(weight=0.4, kl_weight=0.7, distance=distance), Linear()
    x, x0 = point()
    _, slope = energy.differentiate(model, x, x0)
    step, gradient = 1e-6, slope(slice(0, 3))
    for pixel in range(PIXELS):
        move = torch.zeros_like(x)
        move.flatten(1)[:, pixel] = step
        rise = energy(model, x + move, x0).total - energy(model, x - move, x0).total
        assert torch.allclose(rise / (2 * step), gradient.flatten(1)[:, pixel], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [8, 128])  # one block of images, and several
def test_total_variation_is_that_of_two_other_libraries(memory: torch.memory_format, side: int) -> None:
    x, x0 = (images(5, 3, side, seed).contiguous(memory_format=memory) for seed in (1, 2))
    found = TotalVariation()(x, x0)
    assert torch.allclose(found, torchmetrics_variation(x - x0, reduction="none"), rtol=1e-5)
    assert torch.allclose(found, kornia_variation(x - x0, reduction="sum").sum(dim=-1).view(5), rtol=1e-5)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_its_slope_is_autograds(memory: torch.memory_format) -> None:
    x, x0 = (images(3, 3, seed=seed).contiguous(memory_format=memory) for seed in (1, 2))
    x[0], x[1, :, 2:5] = x0[0], x0[1, :, 2:5]  # where x equals x0, the slope is 0
    moving = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(TotalVariation()(moving, x0).sum(), moving)
    assert torch.equal(TotalVariation().slope(x, x0), expected)
    assert not TotalVariation().slope(x, x0)[0].any()


def test_no_image_has_no_variation() -> None:
    assert TotalVariation()(torch.zeros(0, 1, 4, 4), torch.zeros(0, 1, 4, 4)).shape == (0,)


def test_clipped_and_shortened_by_hand() -> None:
    gradient = torch.tensor([-9.0, 0.5, 3.0]).view(3, 1, 1, 1)
    direction, state = ClippedGradient(bound=2.0, first=4, later=0.25)(gradient, (), torch.tensor([4, 5, 5]))
    assert direction.flatten().tolist() == [-2.0, 0.125, 0.5]
    assert state == ()
    assert gradient.flatten().tolist() == [-9.0, 0.5, 3.0]


def test_one_update_of_map_restoration_by_hand() -> None:
    """At x₀ the distance has no slope: x₁ = x₀ − α(∇L_r + ∇KL)."""
    model, (_, x0) = Linear(), point()
    energy = Energy(weight=2.2, kl_weight=1.0, distance=TotalVariation())
    descent = Descent(
        energy=energy, mask=no_mask, direction=ClippedGradient(), stop=Never(), step_size=5e-3, max_steps=1, clamp=None
    )
    _, gradient = by_hand(replace(energy, weight=0.0), model, x0, x0)
    assert torch.allclose(project(model, x0, descent).x, x0 - 5e-3 * gradient, rtol=1e-10)


@pytest.mark.parametrize("kind", [VAE, GammaVAE])
def test_a_vae_answers_with_the_kl_of_the_same_pass(kind: type[VAE]) -> None:
    torch.manual_seed(0)
    model, x = kind(channels=1, latent=4, size=32), torch.rand(3, 1, 32, 32)
    encoded = []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    assert torch.equal(Energy(kl_weight=1.0)._kl(model, x, model.reconstruct(x)), model.kl(x))
    assert len(encoded) == 2  # once for reconstruct, once for kl: none for the energy


def test_the_energy_at_the_start_has_the_kl_term() -> None:
    model, x0 = Net(), images()
    descent = Descent(energy=Energy(kl_weight=0.5), stop=Never())
    expected = model.reconstruct(x0).loss + 0.5 * model.kl(x0)
    assert torch.allclose(project(model, x0, descent).energy_start, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kl_weight": -0.1}, "kl_weight must be >= 0, got -0.1"),
        ({"kl_weight": 1.0, "detached": True}, "KL term lives inside the network and cannot be detached"),
    ],
)
def test_an_energy_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Energy(**settings)


@pytest.mark.parametrize("settings", [{"bound": 0.0}, {"first": -1}, {"later": 0.0}])
def test_a_direction_that_cannot_be_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needs bound > 0, first >= 0 and later > 0, got"):
        ClippedGradient(**settings)


class Twice(Energy):
    """2E, whose gradient is not that of its parent."""

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        terms = super().__call__(model, x, x0)
        return terms._replace(total=2 * terms.total)


def test_a_subclass_that_changes_e_is_not_served_by_the_slope_of_its_parent() -> None:
    model, (_, x0) = Linear(), point()
    descent = Descent(mask=no_mask, direction=Gradient(), stop=Never(), step_size=5e-3, max_steps=1, clamp=None)
    once, twice = (project(model, x0, replace(descent, energy=energy)).x - x0 for energy in (Energy(), Twice()))
    assert torch.allclose(twice, 2 * once, rtol=1e-10)


def test_a_model_without_kl_is_named() -> None:
    message = "kl_weight=0.5, but Constant has no KL term: take a variational model, or kl_weight=0"
    with pytest.raises(ValueError, match=message):
        Energy(kl_weight=0.5).check(Constant())
    with pytest.raises(ValueError, match=message):
        project(Constant(), images(), Descent(energy=Energy(kl_weight=0.5), stop=Never()))
    Energy(kl_weight=0.5).check(Net())
    Energy().check(Constant())
