"""Every yaml in conf/projection builds a descent that takes a step, with every model; a new one is picked up."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hydra.utils import instantiate

from conf_cases import build, names, searchable, served, takes_a_step
from recipes import recipe
from renormal.projection import (
    Adam,
    AnoGANEnergy,
    Drawn,
    Encoded,
    Energy,
    Gradient,
    LatentEnergy,
    Never,
    TotalVariation,
    dssim,
    error_mask,
    no_mask,
    project,
    squared_error,
)
from renormal.projection.latent_start import has_prior

CASES = [(name, "") for name in names("projection")] + [("eq8_adam", model) for model in names("model")]


@pytest.mark.parametrize(("name", "model"), CASES)
def test_it_builds_and_takes_a_step(name: str, model: str) -> None:
    descent, net = build(name, model)
    if model and not served(descent.energy, net):
        assert searchable(net), "without f(x), a model must at least be of use to a search in z"
    else:
        takes_a_step(descent, net)


def test_two_projections_stand_side_by_side() -> None:
    config = recipe("projection=[eq5,eq8_adam]", "projections.eq5.step_size=0.01")
    assert list(config.projections) == ["eq5", "eq8_adam"]
    assert instantiate(config.projections.eq5).step_size == 0.01


@pytest.mark.parametrize(
    ("name", "mask", "direction", "step_size"),
    [
        ("eq5", no_mask, Gradient(), 0.05),  # ours: 0.5 diverges
        ("eq8", error_mask, Gradient(), 0.5),
        ("eq8_adam", error_mask, Adam(), 0.5),
        ("eq8_adam_quick", error_mask, Adam(), 2.0),  # ours: four times the paper's α
    ],
)
def test_the_settings_of_section_4_1(name: str, mask: object, direction: object, step_size: float) -> None:
    descent, _ = build(name)
    assert (descent.mask, descent.direction, descent.step_size) == (mask, direction, step_size)
    assert descent.energy.weight == 0.05
    assert descent.stop.quantile == 0  # the minimum of L_r over the training images
    assert descent.precision == "float32"


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("dsae", dssim),
        ("ae_ssim", dssim),
        ("l2_ae", squared_error),
        ("vae", squared_error),
        ("gamma_vae", squared_error),
    ],
)
def test_those_trained_on_dssim_descend_on_it_and_the_others_on_squared_error(model: str, loss: object) -> None:
    assert build("eq8_adam", model)[0].energy.loss is loss


def test_the_published_settings_of_map_restoration() -> None:
    """vae_restore.py of the authors: 500 updates, 5e-3 and after a hundred 2e-3, ρ = 2.2, clipped at ±50."""
    descent, _ = build("map_tv")
    assert descent.energy == Energy(squared_error, weight=2.2, kl_weight=1.0, distance=TotalVariation())
    assert (descent.mask, descent.stop, descent.max_steps) == (no_mask, Never(), 500)
    lengths = [descent.direction(torch.full((1, 1, 1, 1), 99.0), (), torch.tensor([t]))[0].item() for t in (100, 101)]
    assert [descent.step_size * length for length in lengths] == pytest.approx([5e-3 * 50, 2e-3 * 50])


def test_eq_6_and_eq_2_as_they_are_published() -> None:
    """Eq. 6 from the encoder, to the paper's stop; AnoGAN's 0.9 and 0.1 of its losses, 500 updates from the prior."""
    latent, _ = build("latent")
    assert latent.energy == LatentEnergy(weight=1.0, start=Encoded())
    assert (latent.mask, latent.clamp, latent.stop.quantile, latent.max_steps) == (no_mask, None, 0, 100)
    anogan, _ = build("anogan")
    assert anogan.energy == AnoGANEnergy(start=Drawn(seed=0))
    assert anogan.energy.weight == pytest.approx(0.1 / 0.9)
    assert (anogan.mask, anogan.clamp, anogan.stop, anogan.max_steps) == (no_mask, None, Never(), 500)


@pytest.mark.parametrize("model", names("model"))
def test_every_model_is_searched_in_its_z_or_refused(model: str) -> None:
    """Without a prior only where E does not ask for one, without an encoder only from the prior."""
    descent, net = build("latent", model)
    energy = descent.energy
    if not has_prior(net):
        with pytest.raises(ValueError, match=r"has no prior p\(z\)|has no decode|has no encode"):
            energy.check(net)
        energy = replace(energy, weight=0.0)
    if not hasattr(net, "encode"):
        with pytest.raises(ValueError, match=r"has no decode|has no encode: .* start=Drawn\(\)"):
            energy.check(net)
        energy = replace(energy, start=Drawn())
    assert served(energy, net) == searchable(net)
    if searchable(net):
        x0 = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
        descent = replace(descent, energy=energy, stop=Never(), max_steps=20)
        result = project(net, x0, descent)
        assert (result.terms.total < result.energy_start).all()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("l2_ae", r"has no prior p\(z\)"),
        ("anogan", r"has no encode: .* start=Drawn\(\)"),
        ("mean_image", "has no decode"),
        ("vaeac", "has no encode"),
    ],
)
def test_what_a_search_in_z_lacks_is_named(model: str, reason: str) -> None:
    descent, net = build("latent", model)
    with pytest.raises(ValueError, match=reason):
        descent.energy.check(net)
