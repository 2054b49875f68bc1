"""What cannot be projected is refused before the first step, with its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from toys import DESCENTS, Net, images

from renormal.models import VAE
from renormal.projection import (
    Descent,
    Drawn,
    Energy,
    LatentEnergy,
    Plateau,
    Threshold,
    known_mask,
    model_loss,
    no_mask,
    project,
    reconstruction_losses,
    squared_error,
)

IN_Z = Descent(energy=LatentEnergy(start=Drawn()), mask=no_mask, clamp=None, stop=Plateau(), max_steps=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_size": 0.0}, "step_size must be positive, got 0.0"),
        ({"slots": 0}, "slots must be positive, got 0"),
        ({"check_every": -1}, "check_every must be positive, got -1"),
        ({"step_size": torch.inf}, "step_size must be positive, got inf"),
        ({"step_size": torch.nan}, "step_size must be positive, got nan"),
        ({"max_steps": -1}, "max_steps must be a whole number >= 0, got -1"),
        ({"max_steps": 1.5}, "max_steps must be a whole number >= 0, got 1.5"),
        ({"clamp": (1.0, 0.0)}, r"two numbers, the lower one first, got \(1.0, 0.0\)"),
        ({"clamp": (0.0, torch.nan)}, "the lower one first, got"),
        ({"clamp": (0.0,)}, r"the lower one first, got \(0.0,\)"),
        ({"precision": "float16"}, "one of float32, bfloat16, auto, got 'float16'"),
    ],
)
def test_a_descent_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Descent(**settings)


@pytest.mark.parametrize(
    ("x0", "omega", "message"),
    [
        (torch.rand(3, 8, 8), None, r"float32 or float64 \(B, C, H, W\), got torch.float32 \(3, 8, 8\)"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), None, "got torch.uint8"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.bfloat16), None, "got torch.bfloat16"),
        (torch.full((1, 1, 8, 8), torch.nan), None, "finite, got NaN"),
        (torch.rand(2, 3, 8, 8), torch.ones(1, 1, 8, 8), r"images \(2, 3, 8, 8\), got \(1, 1, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 2, 8, 8), r"got \(2, 2, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 7), r"got \(2, 1, 8, 7\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 8, 8), r"got \(2, 8, 8\)"),
        (torch.full((2, 3, 8, 8), 255.0), None, r"clamp=\(0, 1\), got 255 to 255: divide images of 0 to 255 by 255"),
        (torch.rand(2, 3, 8, 8) * 2 - 1, None, r"clamp=\(0, 1\), got -\S+ to \S+: give \(x \+ 1\) / 2 for images in"),
        (torch.rand(2, 3, 8, 8) - 2, None, r"clamp=\(0, 1\), got -\S+ to -\S+: divide images of 0 to 255 by 255"),
        (torch.rand(2, 3, 8, 8) * torch.inf, None, "images must be finite"),
        (torch.rand(2, 3, 8, 8), torch.full((2, 1, 8, 8), torch.nan), r"omega must lie in \[0, 1\]"),
        (torch.rand(2, 3, 8, 8), torch.full((2, 1, 8, 8), 255), r"omega must lie in \[0, 1\]"),
    ],
)
def test_images_and_omega_that_do_not_fit_are_refused(x0: Tensor, omega: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(Net(), x0, DESCENTS["eq8_adam"], omega=omega)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"no value: give Threshold\(value=...\)"):
        project(Net(), images(), Descent())
    with pytest.raises(ValueError, match="known_mask needs omega"):
        project(Net(), images(), replace(DESCENTS["eq5"], mask=known_mask))
    for weight in (-1.0, torch.nan, torch.inf):
        with pytest.raises(ValueError, match=f"must be >= 0, got {weight}"):
            Energy(weight=weight)
    with pytest.raises(ValueError, match="the stop threshold is NaN: no loss is below it"):
        Threshold(value=torch.nan)


def test_a_model_may_answer_with_a_plain_tuple() -> None:
    class Plain:
        def reconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros_like(x), x.square().sum(dim=(1, 2, 3))

    x0 = torch.full((2, 1, 8, 8), 0.5)
    for loss in (squared_error, model_loss):
        result = project(Plain(), x0, Descent(energy=Energy(loss=loss), stop=Threshold(value=0.0), max_steps=3))
        assert result.terms.reconstruction.shape == (2,)
        assert (result.x < x0).all()


def small_vae() -> VAE:
    return VAE(channels=3, size=64, latent=2)


@pytest.mark.parametrize(
    ("model", "x0", "message"),
    [
        (small_vae(), torch.rand(2, 3, 128, 128), r"x0 \(2, 3, 128, 128\), give it .*\(channels=3, size=64\): Runtime"),
        (small_vae(), torch.rand(2, 3, 32, 32), r"VAE cannot take x0 \(2, 3, 32, 32\)"),
        (small_vae(), torch.rand(2, 1, 64, 64), r"VAE cannot take x0 \(2, 1, 64, 64\)"),
        (Net(), images().double(), r"x0 is torch.float64, .* torch.float32: give x0.to\(torch.float32\)"),
        (Net().double(), images(), r"x0 is torch.float32, .* torch.float64: give x0.to\(torch.float64\)"),
        (Net().half(), images(), r"weights of the model torch.float16: give model.to\(torch.float32\)"),
        (Net().to("meta"), images(), "the model's weights are on the device meta"),
        (Net(), images().to("meta"), "x0 is on the device meta"),
        (None, images(), "model must be an autoencoder, got None"),
        (Net, images(), "got the class Net: give an object of it"),
        (torch.sigmoid, images(), r"has no reconstruct: give a model whose reconstruct\(x\) returns"),
        (nn.Identity(), images(), "Identity has no reconstruct"),
        (Net(), np.zeros((1, 2, 8, 8), np.float32), "x0 must be a torch.Tensor, got ndarray"),
    ],
)
@pytest.mark.parametrize("name", ["eq8_adam", "eq5"])
def test_a_model_that_x0_does_not_fit_is_one_line(name: str, model: Any, x0: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        project(model, x0, DESCENTS[name])
    assert "\n" not in str(caught.value)
    with pytest.raises((ValueError, TypeError), match=message):
        reconstruction_losses(model, x0, DESCENTS[name])


class Holds:
    """An object that is no nn.Module and has one."""

    def __init__(self, layer: nn.Module) -> None:
        self.net = Holding(layer)

    def reconstruct(self, x: Tensor) -> object:
        return self.net.reconstruct(x)


class Holding(Net):
    """A network with one layer more."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.first = nn.Sequential(self.first, layer)


@pytest.mark.parametrize("kind", [Holding, Holds])
@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.BatchNorm2d(4), "its BatchNorm2d mixes the images of a batch"),
        (nn.InstanceNorm2d(4, track_running_stats=True), "its InstanceNorm2d mixes"),
        (nn.Dropout2d(0.5), "its Dropout2d drops values at random"),
    ],
)
def test_a_network_that_training_mode_changes_is_refused_until_it_is_in_eval_mode(
    kind: Callable[[nn.Module], Any], layer: nn.Module, why: str
) -> None:
    model = kind(layer.train())
    for use in (project, reconstruction_losses):
        with pytest.raises(ValueError, match=rf"{kind.__name__} is in training mode, in which {why}.*: call .eval\(\)"):
            use(model, images(), DESCENTS["eq8"])
    layer.eval()
    assert project(model, images(), DESCENTS["eq8"]).x.shape == images().shape


@pytest.mark.parametrize("layer", [nn.Identity(), nn.Dropout(0.0), nn.InstanceNorm2d(4), nn.GroupNorm(1, 4)])
def test_a_network_that_training_mode_leaves_alone_may_be_in_it(layer: nn.Module) -> None:
    model = Holding(layer).train()
    found = project(model, images(), DESCENTS["eq8"]).x
    assert torch.equal(found, project(model.eval(), images(), DESCENTS["eq8"]).x)


def test_the_loss_of_the_model_counts_with_model_loss_alone() -> None:
    def reconstruct(x: Tensor) -> object:
        return x / 2, torch.full((len(x),), 7.0)

    model, x0 = Answers(reconstruct), torch.rand(3, 1, 8, 8)
    expected = (x0 / 2).square().sum((1, 2, 3))
    assert torch.allclose(reconstruction_losses(model, x0, DESCENTS["eq5"]), expected)
    own = replace(DESCENTS["eq5"], energy=Energy(loss=model_loss))
    assert reconstruction_losses(model, x0, own).tolist() == [7.0, 7.0, 7.0]


class Elsewhere(nn.Module):
    """A model whose weights are on a GPU, for torch without CUDA."""

    def __init__(self) -> None:
        super().__init__()
        with FakeTensorMode():
            self.weight = torch.empty(2, device="cuda:0")

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return iter([self.weight])

    def reconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("Expected all tensors to be on the same device")


def test_a_tensor_of_another_device_is_named() -> None:
    with pytest.raises(ValueError, match=r"x0 is on cpu, omega on meta: give omega.to\('cpu'\)"):
        project(Net(), images(), DESCENTS["eq8_adam"], omega=torch.ones(1, 1, 8, 8, device="meta"))
    with pytest.raises(ValueError, match=r"x0 is on cpu, the model on cuda:0: give x0.to\('cuda:0'\)"):
        project(Elsewhere(), images(), DESCENTS["eq8_adam"])


class Answers:
    """A model whose `reconstruct` is any function."""

    def __init__(self, reconstruct: Callable[[Tensor], object]) -> None:
        self.reconstruct = reconstruct


@pytest.mark.parametrize(
    ("model", "descent", "message"),
    [
        (Answers(lambda x: x), DESCENTS["eq5"], r"must return f\(x\) and L_r\(x\), got Tensor"),
        (Answers(lambda x: (x[:, :1], x.sum((1, 2, 3)))), DESCENTS["eq5"], r"\(2, 3, 64, 64\), got \(2, 1, 64, 64\)"),
        (Answers(lambda x: (x / 2, x.sum())), replace(DESCENTS["eq5"], energy=Energy(model_loss)), r"\(2,\), got \(\)"),
        (
            Answers(lambda x: (x / 2, x.mean())),
            DESCENTS["eq5"],
            r"must return one loss for each image, \(2,\), got \(\)",
        ),
        (Answers(lambda x: (x / 2, x.sum((1, 2, 3))[:, None])), DESCENTS["eq5"], r"\(2,\), got \(2, 1\): sum it over"),
        (Answers(lambda x: (x / 2, 1.0)), DESCENTS["eq5"], r"one loss for each image, \(2,\), got float"),
        (VAE(channels=1, size=64, latent=2), IN_Z, r"\(2, 3, 64, 64\), got \(2, 1, 64, 64\)"),
    ],
)
def test_an_answer_that_torch_would_stretch_is_refused(model: Any, descent: Descent, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(model, torch.rand(2, 3, 64, 64), descent)


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize("kl", [False, True])
def test_any_two_or_three_parts_are_an_answer(kind: Callable[[Any], object], kl: bool) -> None:
    def reconstruct(x: Tensor) -> object:
        loss = x.square().sum((1, 2, 3))
        return kind([torch.zeros_like(x), loss, loss] if kl else [torch.zeros_like(x), loss])

    found = project(Answers(reconstruct), torch.rand(2, 3, 8, 8), DESCENTS["eq5"])
    assert bool(found.terms.total.isfinite().all())


def test_an_error_that_is_not_of_the_fit_stays_as_it_is() -> None:
    def over(count: int) -> None:
        raise RuntimeError("the callback fails")

    with pytest.raises(RuntimeError, match="the callback fails"):
        project(Net(), images(), DESCENTS["eq8_adam"], finished=over)
    with pytest.raises(TypeError, match="descent must be a Descent, got Energy"):
        project(Net(), images(), Energy())
