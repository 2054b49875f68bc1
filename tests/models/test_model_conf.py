"""Every yaml in conf/model builds an autoencoder; a new one is picked up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hydra.utils import instantiate

from conf_cases import names, network
from recipes import recipe
from renormal.contracts import Autoencoder, Generator
from renormal.lit.module import AutoencoderModule
from renormal.models import TrainingLoss

NAMES = names("model")


def test_there_are_models() -> None:
    assert {"l2_ae", "dsae", "vae", "gamma_vae", "anogan", "f_anogan", "anovaegan"} <= set(NAMES)


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("name", NAMES)
def test_it_builds_and_takes_a_step(name: str, size: int) -> None:
    whole = recipe(f"model={name}")
    config, model = whole.model, network(whole, size=size).train()
    assert config.name == name
    x = torch.rand(2, 1, size, size)
    assert isinstance(model, Autoencoder | Generator)
    if isinstance(model, Autoencoder):
        reconstruction = model.reconstruct(x)
        assert reconstruction.image.shape == x.shape
        assert reconstruction.loss.shape == (2,)
        assert instantiate(config.energy_loss)(x, reconstruction).shape == (2,)
    optimizer = instantiate(config.optimizer, _convert_="all")
    if "module" in config:
        assert issubclass(instantiate(config.module), AutoencoderModule)
        for player_name, player in model.players().items():
            step(optimizer[player_name], player.weights, player.loss(x))
    else:
        step(optimizer, model, model.training_loss(x))


def test_every_model_has_a_label_of_its_own() -> None:
    labels = [recipe(f"model={name}").model.label for name in NAMES]
    assert len(set(labels)) == len(NAMES)
    assert all(labels)


def step(factory: Callable[..., torch.optim.Optimizer], weights: torch.nn.Module, loss: TrainingLoss) -> None:
    optimizer = factory(weights.parameters())
    loss.total.sum().backward()
    before = [weight.detach().clone() for weight in weights.parameters()]
    optimizer.step()
    assert not all(map(torch.equal, before, weights.parameters()))


def test_every_adversarial_model_can_be_searched() -> None:
    """What a search in z asks of every adversarial model, from its own yaml."""
    for name in NAMES:
        config = recipe(f"model={name}").model
        if "module" in config:
            model = instantiate(config.net, channels=1, size=32, _convert_="all").eval()
            assert model.decode(torch.zeros(2, model.latent)).shape == (2, 1, 32, 32)
            assert model.features(torch.rand(2, 1, 32, 32)).shape[0] == 2


@pytest.mark.parametrize("name", ["l2_ae", "dsae", "vae", "gamma_vae"])
def test_the_settings_of_section_4_1(name: str) -> None:
    config = recipe(f"model={name}").model
    assert config.net.latent == 100
    assert config.optimizer.lr == 1e-4


def test_the_published_settings_of_ae_ssim() -> None:
    """arXiv 1807.02011, section 4.1, and CVPR 2019, section 4.1.2."""
    config = recipe("experiment=ae_ssim", "data.root=somewhere")
    assert (config.model.net.latent, config.data.channels, config.data.object_size) == (100, 1, 256)
    assert (config.data.texture_size, config.data.patch_size, config.test.stride) == (512, 128, 30)
    assert (config.model.optimizer.lr, config.model.optimizer.weight_decay) == (2e-4, 1e-5)
    assert config.trainer.max_epochs * config.data.epoch_images == 200 * 10_000
