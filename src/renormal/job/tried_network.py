"""The network is tried on two training images before the training: what it lacks shows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from renormal.contracts import Autoencoder, Images
from renormal.functional.reconstructed import reconstructed
from renormal.lit.adversarial import AdversarialModule
from renormal.lit.batches import channels_last
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.stage import TRAIN

MEND = "return TrainingLoss(total, terms) of renormal.models.base"


def check_network(config: DictConfig, module: AutoencoderModule, data: SourceData) -> None:
    """Raise ValueError for a network that lacks what the stages ask of every network. It stays as it is.

    That is `training_loss` for a training (of adversarial ones a loss of each player), and what `reconstruct` returns,
    where the network has it.
    """
    model, training, side = module.model, module.training, data.patch_size
    if not isinstance(model, nn.Module):
        raise ValueError(f"model.net must be a torch.nn.Module, got {type(model).__name__}")
    x = channels_last(data.training[:2, :, :side, :side].float() / 255, torch.device("cpu"))
    module.eval()  # the statistics of a batch norm stay as they are
    with torch.random.fork_rng(devices=[]):
        if TRAIN in config.stages:
            with torch.enable_grad():
                for name, loss in losses_of(module):
                    check_loss(name, loss(x), x)
        if isinstance(model, Autoencoder):
            with torch.no_grad():
                reconstructed(model, x)
    module.train(training)


def losses_of(module: AutoencoderModule) -> Iterator[tuple[str, Callable[[Images], object]]]:
    """(name, loss) of everything that the training minimizes."""
    model: Any = module.model
    own = type(model).__name__
    if isinstance(module, AdversarialModule):
        yield from ((f"the loss of {own}'s player {name}", player.loss) for name, player in model.players().items())
    elif callable(loss := getattr(model, "training_loss", None)):
        yield f"{own}.training_loss", loss
    else:
        raise ValueError(f"{own} has no training_loss(x), which the stage train asks for: {MEND}")


def check_loss(name: str, loss: object, x: Images) -> None:
    """Raise ValueError unless it is a TrainingLoss with one total for each image, whose gradient reaches a weight."""
    total, terms = getattr(loss, "total", None), getattr(loss, "terms", None)
    if not isinstance(total, Tensor) or not isinstance(terms, Mapping):
        raise ValueError(f"{name} returns {type(loss).__name__}: {MEND}")
    if total.shape != x.shape[:1]:
        mend = "sum it over pixels and channels alone, .flatten(1).sum(dim=1)"
        raise ValueError(
            f"{name}: total must be one number for each image, ({len(x)},), got {tuple(total.shape)}: {mend}"
        )
    if not total.requires_grad:
        raise ValueError(f"{name}: no weight has a gradient of total: leave out .detach() and torch.no_grad()")
    if wrong := next((key for key, term in terms.items() if not isinstance(term, Tensor)), None):
        raise ValueError(f"{name}: terms[{wrong!r}] must be a tensor, got {type(terms[wrong]).__name__}")
