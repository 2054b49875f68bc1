"""Which yaml of conf is tried with which: the objects are asked, so that a new yaml needs no edit of a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from recipes import recipe
from renormal.contracts import Autoencoder
from renormal.projection import Descent, LatentSearch, project, reconstruction_losses
from renormal.projection.latent_start import has_prior
from renormal.run import CONF

SMALL = {"latent": 8, "code": 4, "width": 64}  # sizes of networks, for those that have them


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def network(config: DictConfig, *, channels: int = 1, size: int = 64) -> Any:
    """The network of a recipe with few weights, in eval mode, the same for each call."""
    torch.manual_seed(0)
    given = config.model.net
    few = {name: min(value, given[name] // 2) for name, value in SMALL.items() if name in given}
    return instantiate(config.model.net, channels=channels, size=size, **few, _convert_="all").eval()


def build(projection: str, model: str = "", *overrides: str) -> tuple[Descent, Any]:
    """The descent and the network, as a job builds them. Without a model: the first that has what the energy needs."""
    candidates = [model] if model else ["vae", *names("model")]
    for candidate in candidates:
        config = recipe(f"model={candidate}", f"projection=[{projection}]", *overrides)
        assert list(config.projections) == [projection]  # the first line of the yaml places it there
        descent, net = instantiate(config.projections, _convert_="all")[projection], network(config)
        if model or served(descent.energy, net):
            return descent, net
    raise AssertionError(f"no model has what projection={projection} needs")


def served(energy: Any, net: Any) -> bool:
    """Whether the network has what the energy asks for."""
    check = getattr(energy, "check", None)  # an energy that needs f(x) alone may have none
    try:
        if check is not None:
            check(net)
    except ValueError:
        return False
    return isinstance(energy, LatentSearch) or isinstance(net, Autoencoder)


def searchable(net: Any) -> bool:
    """Whether z can be searched: from encode(x0), or from a draw of the prior."""
    return hasattr(net, "decode") and (hasattr(net, "encode") or has_prior(net))


def takes_a_step(descent: Descent, net: Any) -> None:
    """One update moves every sample and leaves it in [0, 1]."""
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
