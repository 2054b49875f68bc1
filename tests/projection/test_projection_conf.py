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
    Descent,
    Gradient,
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


def build(name: str, model: str = "vae") -> tuple[Descent, Autoencoder]:
    """As a job does."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"model={model}", f"projection=[{name}]"])
    assert list(config.projections) == [name]  # the first line of the yaml places it there
    torch.manual_seed(0)
    net = instantiate(config.model.net, channels=1, size=64, latent=8, _convert_="all")
    return instantiate(config.projections, _convert_="all")[name], net


@pytest.mark.parametrize(("name", "model"), [(name, "vae") for name in NAMES] + [("eq8_adam", name) for name in MODELS])
def test_it_builds_and_takes_a_step(name: str, model: str) -> None:
    descent, net = build(name, model)
    x0 = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    losses = reconstruction_losses(net, x0, descent)
    calibrated = replace(descent, max_steps=1, stop=descent.stop.calibrated(0.9 * losses))
    result = project(net, x0, calibrated, omega=torch.ones(3, 1, 64, 64))
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
def test_dsae_descends_on_dssim_and_the_others_on_squared_error(model: str) -> None:
    assert build("eq8_adam", model)[0].energy.loss is (dssim if model == "dsae" else squared_error)
