"""Every yaml in conf/model builds an autoencoder; a new one is picked up."""

from __future__ import annotations

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig

from renormal.contracts import Autoencoder
from renormal.run import CONF

NAMES = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


def config_of(name: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"model={name}"]).model


def test_there_are_models() -> None:
    assert {"l2_ae", "dsae", "vae", "gamma_vae"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_builds_and_takes_a_step(name: str) -> None:
    config = config_of(name)
    assert config.name == name
    torch.manual_seed(0)
    model = instantiate(config.net, channels=1, size=64, latent=8, _convert_="all")
    assert isinstance(model, Autoencoder)
    x = torch.rand(2, 1, 64, 64)
    reconstruction = model.reconstruct(x)
    assert reconstruction.image.shape == x.shape
    assert reconstruction.loss.shape == (2,)
    assert instantiate(config.energy_loss)(x, reconstruction).shape == (2,)
    optimizer = instantiate(config.optimizer, _convert_="all")(model.parameters())
    model.training_loss(x).total.sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", ["l2_ae", "dsae", "vae", "gamma_vae"])
def test_the_settings_of_section_4_1(name: str) -> None:
    config = config_of(name)
    assert config.net.latent == 100
    assert config.optimizer.lr == 1e-4
