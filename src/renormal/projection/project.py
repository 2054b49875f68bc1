"""The projection: x ← x − α · direction ⊙ mask until each sample is normal again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, PerSample, Projection
from renormal.functional.blocks import blocks
from renormal.projection.direction import Adam, Direction
from renormal.projection.energy import Energy, Slope
from renormal.projection.graph import Step, replayed
from renormal.projection.lanes import lanes_of, side_by_side
from renormal.projection.mask import UpdateMask, error_mask
from renormal.projection.precision import PRECISIONS, computing, settled
from renormal.projection.slots import Queue, Slots, combine
from renormal.projection.stop import StopCriterion, Threshold

EnergyFunction = Callable[[Autoencoder, Images, Images], EnergyTerms]  # (model, x, x0) → terms at x
SLOTS = {"cpu": 16, "cuda": 256}  # ours; `make benchmark-scaling` compares them on a CPU
LOOKS = {"cpu": 1, "cuda": 8}  # iterations between two looks at who has stopped: each one stalls a device
Observer = Callable[[Tensor, Tensor, Images, EnergyTerms], None]  # (sample indices, t of each, x, terms at x)


@dataclass(frozen=True)
class Descent:
    """How to descend. The defaults are `eq8_adam`, the reading of the paper under which α = 0.5 fits eq. 8 and Adam.

    step_size: α, section 4.1. max_steps: ours, the paper names no cap. clamp: range kept after each update, None for
    none. safeguard: refuse an update that raises a sample's energy and halve its α. slots: samples that move together;
    on a CPU each thread of torch has as many.
    check_every: iterations between two looks at who has stopped. None leaves either to the device. precision: of the
    network; auto is bfloat16 where the device has it and L_r survives it; losses, distances and the stop test stay in
    float32. graph: replay the iteration as a CUDA graph where there is CUDA and no observer.
    """

    energy: EnergyFunction = field(default_factory=Energy)
    mask: UpdateMask = error_mask
    direction: Direction = field(default_factory=Adam)
    stop: StopCriterion = field(default_factory=Threshold)
    step_size: float = 0.5
    max_steps: int = 100
    clamp: tuple[float, float] | None = (0.0, 1.0)
    safeguard: bool = False
    slots: int | None = None
    check_every: int | None = None
    precision: str = "float32"
    graph: bool = True

    def __post_init__(self) -> None:
        for name in ("step_size", "slots", "check_every"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.max_steps < 0:
            raise ValueError(f"max_steps must be >= 0, got {self.max_steps}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")


def project(
    model: Autoencoder,
    x0: Images,
    descent: Descent,
    *,
    omega: Mask | None = None,
    observe: Observer | None = None,
    arrived: Callable[[int], None] | None = None,
) -> Projection:
    """x_{t+1} = x_t − α · (direction(∇E(x_t)) ⊙ mask(x_t)), each sample until its own stop (section 3.1).

    x0: images on the model's device; their memory format is kept. omega: Ω per image, 1 where pixels may move.
    observe: called at every evaluation with the samples that are still moving, from one thread. arrived: called with
    the number of samples that have just been finished, one call at a time. Works under inference mode, leaves the
    model's weights, gradients and training flag alone. Raises ValueError for images or Ω that do not fit.
    """
    _check(x0, omega)
    with torch.inference_mode(False):
        queue = Queue(x0.clone(), None if omega is None else omega.clone(), descent.step_size, arrived)
        if len(x0) == 0:
            return queue.result
        descent = settle(descent, model, queue.x0)
        assert descent.slots is not None
        width = min(descent.slots, len(x0))
        lanes = lanes_of(len(x0), width, x0.device) if observe is None else 1
        memory = descent.direction.start(queue.x0[:width]), descent.stop.start(width, x0.device)
        moving = [queue.open(width, memory) for _ in range(lanes)]
        side_by_side(partial(_run, descent, model, queue, observe), moving, queue.close)
        return queue.result


def _run(descent: Descent, model: Autoencoder, queue: Queue, observe: Observer | None, slots: Slots) -> None:
    """One lane, until the queue and its slots are empty."""
    assert descent.check_every is not None
    with torch.inference_mode(False), torch.enable_grad():  # each thread has its own modes
        step: Step = partial(_iterate, descent, model, slots, observe)
        if descent.graph and slots.x.device.type == "cuda" and observe is None:
            step = replayed(step, slots)
        while queue.exchange(slots):
            for _ in range(descent.check_every):
                step()


def settle(descent: Descent, model: Autoencoder, images: Images) -> Descent:
    """`descent` with slots, looks and precision named, as the device of these few images wants them."""
    kind = images.device.type
    slots = descent.slots or SLOTS.get(kind, SLOTS["cuda"])
    looks = descent.check_every or LOOKS.get(kind, LOOKS["cuda"])
    precision = settled(descent.precision, descent.energy, model, images[:slots])
    return replace(descent, slots=slots, check_every=looks, precision=precision)


def reconstruction_losses(model: Autoencoder, images: Images, descent: Descent) -> PerSample:
    """L_r of normal images, in the precision and the batch size of the descent: what its threshold is a quantile of."""
    descent = settle(descent, model, images)
    with torch.no_grad(), computing(images.device, descent.precision):
        batches = torch.split(images, descent.slots or len(images))
        return torch.cat([descent.energy(model, batch, batch).reconstruction for batch in batches])


def _iterate(descent: Descent, model: Autoencoder, slots: Slots, observe: Observer | None) -> None:
    """One evaluation and one update of every slot. Nothing in it waits for a device."""
    terms, slope = _differentiate(descent, model, slots)
    with torch.no_grad():
        if observe is not None:
            moving = (slots.sample >= 0) & ~slots.done
            observe(slots.sample[moving], slots.steps[moving], slots.x[moving], _rows(terms, moving))
        accepted = _judge(descent, slots, terms)
        _move(descent, slots, slope, accepted)


def _differentiate(descent: Descent, model: Autoencoder, slots: Slots) -> tuple[EnergyTerms, Slope]:
    """E and ∇E at x. The sum over samples has each sample's own gradient, and no weight receives one."""
    with computing(slots.x.device, descent.precision):
        if "differentiate" in vars(type(descent.energy)):  # not inherited: a subclass may have changed E
            written: tuple[EnergyTerms, Slope] = descent.energy.differentiate(model, slots.x, slots.x0)  # type: ignore[attr-defined]
            return written
        x = slots.x.detach().requires_grad_()
        terms = descent.energy(model, x, slots.x0)
        (gradient,) = torch.autograd.grad(terms.total.sum(), x)
        return EnergyTerms(*(term.detach() for term in terms)), gradient.__getitem__


def _judge(descent: Descent, slots: Slots, terms: EnergyTerms) -> Tensor | None:
    """Keep the points that are accepted (None: all) and decide who has arrived."""
    accepted = None if not descent.safeguard else (terms.total <= slots.terms.total) | (slots.steps == 0)
    if accepted is None:
        slots.kept, slots.spare = slots.x, slots.kept
    else:
        slots.kept, slots.spare = _choose(accepted, slots.x, slots.kept), slots.x
    slots.terms = _choose(accepted, terms, slots.terms)
    arrived, stop_memory = descent.stop(slots.terms, slots.memory[1])
    slots.memory = (slots.memory[0], stop_memory)
    slots.stopped = torch.where(slots.done, slots.stopped, arrived & slots.terms.total.isfinite())
    slots.done = slots.done | arrived | (slots.steps >= descent.max_steps) | ~slots.terms.total.isfinite()
    return accepted


def _move(descent: Descent, slots: Slots, slope: Slope, accepted: Tensor | None) -> None:
    """One update of the samples that are not done; a refused one goes back and tries half the way."""
    moving = ~slots.done
    clock = slots.clock + 1
    if accepted is not None:
        slots.step_size = torch.where(accepted, slots.step_size, slots.step_size / 2)
    everyone = moving.device.type == "cpu" and bool(moving.all())  # elsewhere a look stalls the device
    for rows in blocks(slots.kept):
        move = _way(descent, slots, rows, slope(rows), clock[rows], accepted)
        kept, end = slots.kept[rows], slots.spare[rows]
        torch.addcmul(kept, move, slots.step_size[rows, None, None, None], value=-1, out=end)  # (B,) → (B, 1, 1, 1)
        if descent.clamp is not None:
            end.clamp_(*descent.clamp)
        if not everyone:
            end.copy_(torch.where(moving[rows, None, None, None], end, kept))
    slots.x = slots.spare
    slots.steps = slots.steps + moving
    slots.clock = slots.clock + (moving if accepted is None else moving & accepted)


def _way(
    descent: Descent, slots: Slots, rows: slice, gradient: Tensor, clock: Tensor, accepted: Tensor | None
) -> Tensor:
    """direction ⊙ mask of these slots; the direction's memory moves on in its place."""
    memory = combine(lambda tensor: tensor[rows], slots.memory[0])
    before = memory if accepted is None else combine(Tensor.clone, memory)  # a refused update must not be remembered
    omega = None if slots.omega is None else slots.omega[rows]
    direction, fresh = descent.direction(gradient, memory, clock)
    mask = descent.mask(slots.kept[rows], slots.terms.reconstructed[rows], omega)
    move = direction if mask is None else direction * mask
    if accepted is not None:
        move = _choose(accepted[rows], move, slots.move[rows])
        fresh = _choose(accepted[rows], fresh, before)
        slots.move[rows] = move
    combine(Tensor.copy_, memory, fresh)
    return move


def _choose(accepted: Tensor | None, new: Any, old: Any) -> Any:
    """`new` in the accepted rows, `old` in the others, through nested tuples."""
    if accepted is None:
        return new
    return combine(lambda one, other: torch.where(accepted.view(-1, *(1,) * (one.ndim - 1)), one, other), new, old)


def _rows(terms: EnergyTerms, rows: Tensor) -> EnergyTerms:
    return EnergyTerms(*(term[rows] for term in terms))


def _check(x0: Images, omega: Mask | None) -> None:
    if x0.ndim != 4 or x0.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"images must be float32 or float64 (B, C, H, W), got {x0.dtype} {tuple(x0.shape)}")
    if not bool(x0.isfinite().all()):
        raise ValueError("images must be finite, got NaN or infinity")
    if omega is None:
        return
    batch, channels, *side = omega.shape if omega.ndim == 4 else (0, 0)
    if batch != len(x0) or channels not in (1, x0.shape[1]) or tuple(side) != tuple(x0.shape[2:]):
        raise ValueError(f"omega must be (B, 1 or C, H, W) like the images {tuple(x0.shape)}, got {tuple(omega.shape)}")
