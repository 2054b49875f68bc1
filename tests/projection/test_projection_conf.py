"""Every yaml in conf/projection builds a descent that takes a step, with every model; a new one is picked up."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from renormal.contracts import Autoencoder
from renormal.projection import (
    Adam,
    AnoGANEnergy,
    Descent,
    Drawn,
    Encoded,
    Energy,
    Gradient,
    LatentEnergy,
    LatentSearch,
    Never,
    TotalVariation,
    dssim,
    error_mask,
    no_mask,
    project,
    reconstruction_losses,
    squared_error,
)
from renormal.run import CONF

NAMES = sorted(path.stem for path in (CONF / "projection").glob("*.yaml"))
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


WITHOUT_Z = ["mean_image", "repair_ae", "vaeac"]
WITHOUT_F = ["anogan"]  # models that nothing but a search in z can restore with
WITHOUT_PRIOR = ["ae_ssim", "dsae", "l2_ae"]
CASES = [(name, "anogan" if name == "anogan" else "vae") for name in NAMES]
CASES += [("eq8_adam", model) for model in MODELS if model not in WITHOUT_F]


def build(name: str, model: str = "vae") -> tuple[Descent, Autoencoder]:
    """As a job does."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"model={model}", f"projection=[{name}]"])
    assert list(config.projections) == [name]  # the first line of the yaml places it there
    torch.manual_seed(0)
    small = {name: size for name, size in (("latent", 8), ("code", 2)) if name in config.model.net}
    net = instantiate(config.model.net, channels=1, size=64, **small, _convert_="all")
    return instantiate(config.projections, _convert_="all")[name], net.eval()


@pytest.mark.parametrize(("name", "model"), CASES)
def test_it_builds_and_takes_a_step(name: str, model: str) -> None:
    descent, net = build(name, model)
    x0 = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    losses = reconstruction_losses(net, x0, descent)
    fitted = replace(descent, max_steps=1, stop=descent.stop.fitted(0.9 * losses))
    omega = None if isinstance(descent.energy, LatentSearch) else torch.ones(3, 1, 64, 64)
    result = project(net, x0, fitted, omega=omega)
    assert losses.shape == (3,)
    assert result.steps.tolist() == [1, 1, 1]
    assert (result.x != x0).flatten(1).any(dim=1).all()
    assert result.x.min() >= 0
    assert result.x.max() <= 1


def test_two_projections_stand_side_by_side() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["projection=[eq5,eq8_adam]", "projections.eq5.step_size=0.01"])
    assert list(config.projections) == ["eq5", "eq8_adam"]
    assert instantiate(config.projections.eq5).step_size == 0.01


@pytest.mark.parametrize(
    ("name", "mask", "direction", "step_size"),
    [
        ("eq5", no_mask, Gradient(), 0.05),  # ours: 0.5 diverges
        ("eq8", error_mask, Gradient(), 0.5),
        ("eq8_adam", error_mask, Adam(), 0.5),
    ],
)
def test_the_settings_of_section_4_1(name: str, mask: object, direction: object, step_size: float) -> None:
    descent, _ = build(name)
    assert (descent.mask, descent.direction, descent.step_size) == (mask, direction, step_size)
    assert descent.energy.weight == 0.05
    assert descent.stop.quantile == 0  # the minimum of L_r over the training images
    assert descent.precision == "float32"


@pytest.mark.parametrize("model", MODELS)
def test_those_trained_on_dssim_descend_on_it_and_the_others_on_squared_error(model: str) -> None:
    expected = dssim if model in ("dsae", "ae_ssim") else squared_error
    assert build("eq8_adam", model)[0].energy.loss is expected


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


@pytest.mark.parametrize("model", [model for model in MODELS if model not in WITHOUT_Z])
def test_every_model_can_be_searched_in_its_z(model: str) -> None:
    """Without a prior only where E does not ask for one, without an encoder only from the prior."""
    descent, net = build("latent", model)
    energy = descent.energy
    if model in WITHOUT_PRIOR:
        with pytest.raises(ValueError, match=r"has no prior p\(z\)"):
            energy.check(net)
        energy = replace(energy, weight=0.0)
    if model in WITHOUT_F:
        with pytest.raises(ValueError, match=r"has no encode: .* start=Drawn\(\)"):
            energy.check(net)
        energy = replace(energy, start=Drawn())
    x0 = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    descent = replace(descent, energy=energy, stop=Never(), max_steps=20)
    result = project(net, x0, descent)
    assert (result.terms.total < result.energy_start).all()
