"""Small autoencoders whose projections are known, and the settings that the laws are tried on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from renormal.contracts import Images, Projection, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.projection import (
    Adam,
    AnyOf,
    ClippedGradient,
    Descent,
    Energy,
    Gradient,
    Never,
    Plateau,
    Threshold,
    TotalVariation,
    error_mask,
    no_mask,
)

Project = Callable[..., Projection]


class Constant(nn.Module):
    """f(x) = c."""

    def __init__(self, value: float = 0.5) -> None:
        super().__init__()
        self.value = value

    def reconstruct(self, x: Images) -> Reconstruction:
        image = torch.full_like(x, self.value)
        return Reconstruction(image, squared_distance(x, image))


class Double(nn.Module):
    """f(x) = 2x: ‖x − f(x)‖² = ‖x‖² falls towards 0, but away from it for whoever takes f(x) for a constant."""

    def reconstruct(self, x: Images) -> Reconstruction:
        return Reconstruction(2 * x, squared_distance(x, 2 * x))


class Net(nn.Module):
    """Two convolutions, and a KL term of what lies between them: D_KL(N(μ(x), I) ‖ N(0, I))."""

    def __init__(self, channels: int = 2, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.second = nn.Conv2d(4, channels, 3, padding=1)
        for parameter in self.parameters():
            parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator)

    def reconstruct(self, x: Images) -> Reconstruction:
        image = self.second(self.first(x).tanh()).sigmoid().to(x.dtype)
        return Reconstruction(image, squared_distance(x, image))

    def kl(self, x: Images) -> Tensor:
        return self.first(x).tanh().to(x.dtype).square().sum(dim=(1, 2, 3)) / 2


class NaNFor(Net):
    """NaN for each image whose first pixel is above `level`."""

    level = 0.9

    def reconstruct(self, x: Images) -> Reconstruction:
        image = super().reconstruct(x).image
        image = torch.where((x[:, 0, 0, 0] > self.level)[:, None, None, None], torch.nan, image)
        return Reconstruction(image, squared_distance(x, image))


def images(count: int = 11, channels: int = 2, side: int = 8, seed: int = 1) -> Tensor:
    """Noise around grey, weak in some images and strong in others: they need from 0 to many steps."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.rand(count, 1, 1, 1, generator=generator)
    return 0.5 + strength * (torch.rand(count, channels, side, side, generator=generator) - 0.5)


def holes(count: int = 11, channels: int = 1, side: int = 8) -> Tensor:
    """Ω: a rectangle in a place of its own for each image."""
    omega = torch.zeros(count, channels, side, side)
    for index in range(count):
        omega[index, :, index % 5 : index % 5 + 3, index % 4 : index % 4 + 4] = 1
    return omega


STOP = AnyOf((Threshold(value=10.6), Plateau(tolerance=1e-2, patience=3)))  # stops the images at different ages
COMMON = Descent(stop=STOP, max_steps=12, slots=4)
DESCENTS = {
    "eq5": replace(COMMON, mask=no_mask, direction=Gradient(), step_size=0.02),
    "eq5_adam": replace(COMMON, mask=no_mask, direction=Adam(), step_size=0.02),
    "eq8": replace(COMMON, mask=error_mask, direction=Gradient(), step_size=0.3),
    "eq8_adam": replace(COMMON, mask=error_mask, direction=Adam(), step_size=0.1),
    "map_tv": replace(
        COMMON,
        energy=Energy(weight=0.02, kl_weight=0.1, distance=TotalVariation()),
        mask=no_mask,
        direction=ClippedGradient(bound=0.4, first=3, later=0.4),
        step_size=0.05,
    ),
}
DESCENTS |= {f"{name}_safe": replace(descent, safeguard=True) for name, descent in DESCENTS.items()}


def pixels(distances: list[float], c: float = 0.5, size: int = 2) -> Tensor:
    """Images of one value each, at ‖x − c‖² = distance."""
    values = [c + math.sqrt(distance) / size for distance in distances]
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, size, size).clone()


def slow_decay(steps: list[int]) -> tuple[Constant, Tensor, Descent]:
    """A model, images and a descent that takes exactly `steps` for each: L_r falls by 0.81 a step, f(x) = c."""
    descent = Descent(
        energy=Energy(weight=0.0),
        mask=no_mask,
        direction=Gradient(),
        stop=Threshold(value=1e-4),
        step_size=0.05,
        max_steps=1000,
        clamp=None,
    )
    return Constant(), pixels([1e-4 * 0.81 ** (0.5 - count) for count in steps]), descent


def unstopped(descent: Descent, steps: int) -> Descent:
    return replace(descent, stop=Never(), max_steps=steps)


def agree(one: Projection, other: Projection, rows: Tensor, tolerance: float) -> None:
    """`one` is what `other` has at `rows`."""
    assert one.steps.tolist() == other.steps[rows].tolist()
    assert one.stopped.tolist() == other.stopped[rows].tolist()
    assert one.x.shape == other.x[rows].shape
    assert torch.allclose(one.x, other.x[rows], rtol=0, atol=tolerance, equal_nan=True)
    for mine, theirs in zip((*one.terms, one.energy_start), (*other.terms, other.energy_start), strict=True):
        close = torch.isclose(mine.double(), theirs[rows].double(), rtol=tolerance, atol=tolerance, equal_nan=True)
        assert close.all()
