"""The projection written naively, one image at a time, and the bugs that its laws are there to catch."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, PerSample, Projection
from renormal.projection import Adam, ClippedGradient, Descent, Energy, Gradient, Threshold, known_mask
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


def naive(
    model: Autoencoder,
    x0: Images,
    descent: Descent,
    *,
    omega: Mask | None = None,
    observe: Any = None,
    bug: str = "none",
) -> Projection:
    """What `project` computes, without slots and precision; `bug` plants one."""
    results = []
    with ExitStack() as modes:
        if bug != "enable_grad alone":
            modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for index in range(len(x0)):
            own = None if omega is None or bug == "no omega" else omega[index : index + 1]
            results.append(_descend(model, x0[index : index + 1].clone(), descent, own, observe, index, bug))
        x, terms, steps, stopped, start = zip(*results, strict=True)
        whole = EnergyTerms(*(torch.cat(parts) for parts in zip(*terms, strict=True)))
        return Projection(torch.cat(x), whole, torch.tensor(steps), torch.tensor(stopped), torch.cat(start))


def _descend(
    model: Any, x0: Images, descent: Descent, omega: Mask | None, observe: Any, index: int, bug: str
) -> tuple[Images, EnergyTerms, int, int, PerSample]:
    if bug == "train mode":
        model.train()
    step = TorchDirection(descent.direction, x0.shape)
    x, t, state, alpha = x0, 0, descent.stop.start(1, x0.device), descent.step_size
    kept: tuple[Images, EnergyTerms] | None = None
    move, before, start = torch.zeros_like(x0), None, x0
    while True:
        x = x.detach().requires_grad_()
        terms = descent.energy(model, x, x0)
        if bug == "backward":
            terms.total.sum().backward()
            gradient = x.grad
        else:
            (gradient,) = torch.autograd.grad(terms.total.sum(), x)
        x, terms = x.detach(), EnergyTerms(*(term.detach() for term in terms))
        if observe is not None:
            observe(torch.tensor([index]), torch.tensor([t]), x, terms)
        start = terms.total if t == 0 else start
        refused = kept is not None and descent.safeguard and not bool(terms.total <= kept[1].total)
        if refused:
            (x, terms), alpha = kept, alpha / 2
        stopped, state = descent.stop(terms, state)
        if bug == "one step at least" and t == 0:
            stopped = torch.tensor([False])
        if bool(stopped) or t == descent.max_steps:
            answer = before if bug == "terms of the step before" and before is not None else terms
            return x, answer, t, int(stopped), start
        if not refused:
            found = (
                None if omega is None and descent.mask is known_mask else descent.mask(x, terms.reconstructed, omega)
            )
            mask = 1.0 if found is None else found
            gradient = -gradient if bug == "uphill" else gradient
            move = step(gradient * mask) if bug == "mask before Adam" else step(gradient) * mask
        kept, x = (x, terms), x - alpha * move
        if descent.clamp is not None:
            x = x.clamp(*descent.clamp)
        before, t = terms, t + 1


class MeanEnergy(Energy):
    """A mean over the batch, as a loss of training is."""

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        terms = super().__call__(model, x, x0)
        return terms._replace(total=terms.total / len(x))


class SharedNaN(Energy):
    """A term that looks at the whole batch."""

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
