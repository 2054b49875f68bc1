"""A network of somebody else trains and is tested with what extend.md asks of it, or is refused before the training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from conf_cases import names
from renormal.contracts import Reconstruction
from renormal.functional.reconstructed import reconstructed
from renormal.job.build import build_data, build_module
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.job.tried_network import check_network

NETWORK = """
import torch
from torch import nn

from renormal.models.base import TrainingLoss


class Net({base}):
    def __init__(self, *, channels, size):
        super().__init__()
        self.level = nn.Parameter(torch.full((1, channels, 1, 1), 0.25)) if {module} else None

    def reconstruct(self, x):
        image = self.level.expand_as(x)
        return {returned}

    def {loss}(self, x):
        error = (x - self.level).square().flatten(1).sum(dim=1)
        return {total}


def each(x, image):
    return (x - image).square().flatten(1).sum(dim=1)
"""
WHOLE = {
    "base": "nn.Module",
    "module": "True",
    "returned": "image, each(x, image)",
    "loss": "training_loss",
    "total": 'TrainingLoss(error, {"error": error})',
}
NAME = "network_of_somebody"


def own(folder: Path, monkeypatch: pytest.MonkeyPatch, **changed: str) -> list[str]:
    """Overrides for a network with these parts."""
    (folder / f"{NAME}.py").write_text(NETWORK.format(**WHOLE | changed), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    return ["model=mean_image", f"model.net._target_={NAME}.Net"]


def test_reconstruct_may_return_a_tuple_and_the_network_needs_no_forward(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    more = ["logger=tensorboard", "test.planted=1", "score=reconstructed"]
    config = tiny(*own(tmp_path, monkeypatch), *more)
    run_job(config)
    assert "test.planted=1: so few drawn defects say little about which column is better" in caplog.text
    assert (Path(config.folder) / "record.json").is_file()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"base": "object", "module": "False"}, "model.net must be a torch.nn.Module, got Net"),
        ({"loss": "loss_of"}, r"Net has no training_loss\(x\), which the stage train asks for: return TrainingLoss"),
        ({"total": "error"}, r"Net.training_loss returns Tensor: return TrainingLoss\(total, terms\) of renormal.mo"),
        ({"total": "TrainingLoss(error.mean(), {})"}, r"Net.training_loss: total must be one .*, \(2,\), got \(\): su"),
        ({"total": "TrainingLoss(error.detach(), {})"}, r"Net.training_loss: no weight has a gradient of total: leav"),
        ({"total": "TrainingLoss(error, {'error': 1.0})"}, r"Net.training_loss: terms\['error'\] must be a tensor, g"),
        ({"returned": "image"}, r"Net.reconstruct must return f\(x\) and L_r\(x\), got Tensor"),
        ({"returned": "image[..., 1:], each(x, image)"}, r"Net.reconstruct must return f\(x\) of the shape of x: "),
        ({"returned": "image, each(x, image).mean()"}, r"Net.reconstruct must return one loss for each image, \(2"),
    ],
)
def test_what_it_lacks_is_said_before_the_training(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], line: str
) -> None:
    config = tiny(*own(tmp_path, monkeypatch, **changed))
    with pytest.raises(ValueError, match=f"^{line}"):
        run_job(config)
    assert not list(Path(config.folder).rglob("*.ckpt"))


def test_a_test_alone_asks_for_no_training_loss(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny("stages=[test]", *own(tmp_path, monkeypatch, loss="loss_of"))
    data = build_data(config, source_of(config))
    check_network(config, build_module(config, data, ""), data)


def test_a_tuple_of_three_holds_the_kl_term() -> None:
    class Three:
        def reconstruct(self, x: torch.Tensor) -> Any:
            return x, x.flatten(1).sum(dim=1), x.flatten(1).mean(dim=1)

    found = reconstructed(Three(), torch.ones(2, 1, 4, 4))
    assert isinstance(found, Reconstruction)
    assert found.kl is not None
    assert (found.loss.tolist(), found.kl.tolist()) == ([16, 16], [1, 1])


@pytest.mark.parametrize("name", names("model"))
def test_it_takes_every_network_of_the_recipes_and_leaves_it_as_it_was(tiny: Any, name: str) -> None:
    config = tiny(f"model={name}")
    data = build_data(config, source_of(config))
    module = build_module(config, data, "")
    before, noise = {key: one.clone() for key, one in module.state_dict().items()}, torch.get_rng_state()
    check_network(config, module, data)
    assert module.training
    assert all(torch.equal(one, before[key]) for key, one in module.state_dict().items())
    assert torch.equal(noise, torch.get_rng_state())
