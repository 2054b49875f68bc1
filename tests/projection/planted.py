"""The bugs that the laws of the projection are there to catch, and directions by torch.optim."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from toys import Project

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, PerSample, Projection
from renormal.projection import Adam, ClippedGradient, Descent, Energy, Gradient, Threshold, reference
from renormal.projection.direction import Moments


class TorchDirection:
    """−(change of a parameter at 0) under torch.optim at rate 1: the direction, from another library."""

    def __init__(self, direction: object, shape: torch.Size) -> None:
        self.at = nn.Parameter(torch.zeros(shape))
        adam = isinstance(direction, Adam)
        self.optimizer = torch.optim.Adam([self.at], lr=1.0) if adam else torch.optim.SGD([self.at], lr=1.0)
        self.clipped = direction if isinstance(direction, ClippedGradient) else None
        milestone, factor = (self.clipped.first, self.clipped.later) if self.clipped else (0, 1.0)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [milestone], factor)

    def __call__(self, gradient: Tensor) -> Tensor:
        self.at.data.zero_()
        self.at.grad = gradient.clone()
        if self.clipped:
            nn.utils.clip_grad_value_([self.at], self.clipped.bound)
        self.optimizer.step()
        self.schedule.step()
        return -self.at.detach().clone()


@dataclass(frozen=True)
class ByTorch:
    """A direction of `renormal` worked out by torch.optim, for one image at a time."""

    direction: object

    def start(self, point: Tensor) -> TorchDirection:
        return TorchDirection(self.direction, point.shape)

    def __call__(self, gradient: Tensor, state: TorchDirection, t: PerSample) -> tuple[Tensor, TorchDirection]:
        return state(gradient), state


def with_bug(*replacements: tuple[str, str]) -> Project:
    """`reference` with pieces of its text replaced, each of which stands there once."""
    text = inspect.getsource(reference)
    for old, new in replacements:
        assert text.count(old) == 1, f"reference.py has not one place with {old!r}"
        text = text.replace(old, new)
    names = dict(vars(sys.modules[reference.__module__]))
    exec(text, names)
    return names["reference"]


def anywhere(run: Project) -> Project:
    """A function like `reference` made to work under inference mode and no_grad, as `project` does."""

    def wrapped(model: object, x0: Images, descent: Descent, *, omega: Mask | None = None) -> Projection:
        with torch.inference_mode(False), torch.enable_grad():
            return run(model, x0.clone(), descent, omega=None if omega is None else omega.clone())

    return wrapped


ARRIVED = "if arrived or"
MASK = "m(x, terms.reconstructed, omega)"
SLOPE = "(slope,) = torch.autograd.grad(terms.total.sum(), x)"
TOWARDS = "towards, state = direction(slope, state,"
BUGS = {
    "uphill": with_bug(("x - α * move", "x + α * move")),
    "no omega": with_bug((MASK, "m(x, terms.reconstructed, torch.ones_like(x))")),
    "terms of the step before": with_bug(("Projection(image, terms", "Projection(image, kept[1] if t else terms")),
    "one step at least": with_bug((ARRIVED, "if (arrived and t > 0) or")),
    "one step too many": with_bug(
        ("t == descent.max_steps", "t > descent.max_steps"), ("max_steps + 1", "max_steps + 2")
    ),
    "backward": with_bug((SLOPE, "terms.total.sum().backward(); slope = x.grad")),
    "train mode": with_bug((SLOPE, f"model.train(); {SLOPE}")),
    "mask before the direction": with_bug(
        (f"factor = {MASK}", "factor = None"), (TOWARDS, f"slope = slope * {MASK}; {TOWARDS}")
    ),
    "α stays": with_bug(("kept, α / 2", "kept, α")),
    "nothing is refused": with_bug(("descent.safeguard and", "False and")),
    "a refused update is remembered": with_bug(("if not refused:", "if True:")),
    "a refused update is evidence": with_bug(
        ("        else:\n            arrived, history", "        if True:\n            arrived, history")
    ),
    "no clamp": with_bug(("if descent.clamp is None", "if True")),
    "one clock for refused and accepted": with_bug(("accepted += 1", "accepted = t + 1")),
    "a NaN is out of steps": with_bug(("if terms.total.isfinite() else Stopped.NOT_FINITE", "")),
    "out of steps arrives": with_bug(("if arrived else Stopped.OUT_OF_STEPS", "")),
    "z for x": with_bug(("isinstance(E, LatentSearch)", "False")),
    "x for f(x)": with_bug(("descent.reconstructed or ", "")),
    "E of the end at the start": with_bug(("if t == 0:", "if True:")),
}


class MeanEnergy(Energy):
    """A mean over the batch, as a loss of training is."""

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        terms = super().__call__(model, x, x0)
        return terms._replace(total=terms.total / len(x))


class SharedNaN(Energy):
    """A term that depends on the whole batch."""

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        terms = super().__call__(model, x, x0)
        return terms._replace(total=terms.total + 0 * terms.total.mean())


class StopOnMean(Threshold):
    """One answer for all."""

    def __call__(self, terms: EnergyTerms, state: tuple[()]) -> tuple[PerSample, tuple[()]]:
        return (terms.reconstruction.mean() < self.value).expand(len(terms.total)), state


class LeakyAdam(Adam):
    """A second moment that is shared by the batch."""

    def __call__(self, gradient: Tensor, state: Moments, t: PerSample) -> tuple[Tensor, Moments]:
        direction, moments = super().__call__(gradient, state, t)
        return direction, moments._replace(second=moments.second.mean(dim=0).expand_as(gradient).clone())


class OneClock(Adam):
    """Adam as torch.optim counts: one t for all."""

    def __call__(self, gradient: Tensor, state: Moments, t: PerSample) -> tuple[Tensor, Moments]:
        return super().__call__(gradient, state, t.max().expand_as(t))


class Uphill(Gradient):
    """The wrong sign: with the safeguard it can only stay."""

    def __call__(self, gradient: Tensor, state: tuple[()], t: PerSample) -> tuple[Tensor, tuple[()]]:
        return -gradient, state


class Unforgetting(Gradient):
    """Momentum that stays in the slot when its sample leaves."""

    def __call__(self, gradient: Tensor, state: tuple[()], t: PerSample) -> tuple[Tensor, tuple[()]]:
        last = self.__dict__.get("last", torch.zeros_like(gradient))
        self.__dict__["last"] = gradient if len(last) != len(gradient) else gradient + 0.5 * last
        return self.__dict__["last"], state


@dataclass(frozen=True)
class StayingOmega:
    """Ω that belongs to the slot and not to its sample."""

    omega: Mask

    def __call__(self, x: Images, reconstructed: Images, omega: Mask | None) -> Tensor:
        return self.omega[: len(x)]
