"""The projection: x ← x − α · direction ⊙ mask until each sample is normal again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, Projection, Stopped
from renormal.functional.blocks import blocks, per_row
from renormal.projection.checks import check_fit, check_images
from renormal.projection.descent import Descent, Settled, settle
from renormal.projection.energy import Slope
from renormal.projection.graph import Step, replayed
from renormal.projection.latent_start import LatentSearch, starting_point
from renormal.projection.precision import computing
from renormal.projection.slots import Queue, Slots
from renormal.projection.threads import lanes_of, side_by_side, threads_of
from renormal.projection.trees import combine, where

Observer = Callable[[Tensor, Tensor, Images, EnergyTerms], None]  # (sample indices, t of each, x, terms at x)


def project(
    model: Autoencoder,
    x0: Images,
    descent: Descent,
    *,
    omega: Mask | None = None,
    observe: Observer | None = None,
    finished: Callable[[int], None] | None = None,
) -> Projection:
    """x_{t+1} = x_t − α · (direction(∇E(x_t)) ⊙ mask(x_t)), each sample until its own stop (section 3.1).

    x0: images on the model's device; their memory format is kept. omega: Ω per image, 1 where pixels may move.
    observe: called at every evaluation with the samples that are still moving, from one thread. finished: called with
    the number of samples that are newly done, one call at a time. Works under inference mode, leaves the
    model's weights, gradients and training flag alone. For a model with nn.Linear on a CPU set MKL_CBWR=AUTO before
    torch multiplies: MKL may add up differently from row to row without it. Raises ValueError for images, Ω or a model
    that do not fit.
    """
    check_images(x0, omega)
    check_fit(descent.energy, model, omega)
    with torch.inference_mode(False):
        x0, omega = x0.clone(), None if omega is None else omega.clone()
        settled = settle(descent, model, x0)
        width = min(settled.slots, len(x0))
        lanes = lanes_of(len(x0), width, x0.device) if observe is None else 1
        with threads_of(lanes):
            queue = Queue(x0, _points(settled, model, x0), omega, settled.step_size, finished)
            if width:
                memory = settled.direction.start(queue.points[:width]), settled.stop.start(width, x0.device)
                moving = [queue.open(width, memory) for _ in range(lanes)]
                side_by_side(partial(_run, settled, model, queue, observe), moving, queue.close)
        return queue.result


def _run(descent: Settled, model: Autoencoder, queue: Queue, observe: Observer | None, slots: Slots) -> None:
    """One lane, until the queue and its slots are empty."""
    with torch.inference_mode(False), torch.enable_grad():  # each thread has its own modes
        watch = None if observe is None else partial(_watch, observe, queue, slots)
        step: Step = partial(_iterate, descent, model, slots, watch)
        if descent.graph and slots.x.device.type == "cuda" and observe is None:
            step = replayed(step, slots)
        while queue.exchange(slots):
            for _ in range(descent.check_every):
                step()


def _points(descent: Settled, model: Autoencoder, x0: Images) -> Tensor:
    """Where each sample starts to move, in batches of the descent's size: not a bit depends on the others."""
    width = min(descent.slots, len(x0))
    if width == 0 or not isinstance(descent.energy, LatentSearch):
        return x0
    with torch.no_grad(), computing(x0.device, descent.precision):
        begin = partial(starting_point, descent.energy, model)
        points = [begin(x0[first : first + width]) for first in range(0, len(x0) - width + 1, width)]
        rest = len(x0) % width
        return torch.cat([*points, *([begin(x0[-width:])[-rest:]] if rest else [])])


def _watch(observe: Observer, queue: Queue, slots: Slots, terms: EnergyTerms) -> None:
    """Tell of the samples that still move, by the image that each of them has become."""
    moving = (slots.sample >= 0) & ~slots.done
    x = queue.images(slots.x, terms)[moving]
    observe(slots.sample[moving], slots.steps[moving], x, EnergyTerms(*(term[moving] for term in terms)))


def _iterate(descent: Settled, model: Autoencoder, slots: Slots, watch: Callable[[EnergyTerms], None] | None) -> None:
    """One evaluation and one update of every slot. Nothing in it waits for a device."""
    terms, slope = _differentiate(descent, model, slots)
    with torch.no_grad():
        if watch is not None:
            watch(terms)
        accepted = _judge(descent, slots, terms)
        _move(descent, slots, slope, accepted)


def _differentiate(descent: Settled, model: Autoencoder, slots: Slots) -> tuple[EnergyTerms, Slope]:
    """E and ∇E at x. The sum over samples has each sample's own gradient, and no weight receives one."""
    with computing(slots.x.device, descent.precision):
        if "differentiate" in vars(type(descent.energy)):  # not inherited: a subclass may have changed E
            written: tuple[EnergyTerms, Slope] = descent.energy.differentiate(model, slots.x, slots.x0)  # type: ignore[attr-defined]
            return written
        x = slots.x.detach().requires_grad_()
        terms = descent.energy(model, x, slots.x0)
        (gradient,) = torch.autograd.grad(terms.total.sum(), x)
        return EnergyTerms(*(term.detach() for term in terms)), gradient.__getitem__


def _judge(descent: Settled, slots: Slots, terms: EnergyTerms) -> Tensor | None:
    """Keep the points that are accepted (None: all) and decide who has arrived."""
    accepted = None if not descent.safeguard else (terms.total <= slots.terms.total) | (slots.steps == 0)
    if accepted is None:
        slots.kept, slots.spare = slots.x, slots.kept
    else:
        slots.kept, slots.spare = where(accepted, slots.x, slots.kept), slots.x
    slots.terms = terms if accepted is None else where(accepted, terms, slots.terms)
    slots.energy_start = torch.where(slots.steps == 0, slots.terms.total, slots.energy_start)
    arrived, stop_memory = descent.stop(slots.terms, slots.memory[1])
    slots.memory = (slots.memory[0], stop_memory)
    finite = slots.terms.total.isfinite()
    reason = torch.where(arrived, Stopped.ARRIVED, Stopped.OUT_OF_STEPS).where(finite, Stopped.NOT_FINITE)
    slots.stopped = torch.where(slots.done, slots.stopped, reason)
    slots.done = slots.done | arrived | (slots.steps >= descent.max_steps) | ~finite
    return accepted


def _move(descent: Settled, slots: Slots, slope: Slope, accepted: Tensor | None) -> None:
    """One update of the samples that are not done; a refused one goes back and tries half the way."""
    moving = ~slots.done
    clock = slots.clock + 1
    if accepted is not None:
        slots.step_size = torch.where(accepted, slots.step_size, slots.step_size / 2)
    everyone = moving.device.type == "cpu" and bool(moving.all())  # elsewhere a look stalls the device
    for rows in blocks(slots.kept):
        move = _way(descent, slots, rows, slope(rows), clock[rows], accepted)
        kept, end = slots.kept[rows], slots.spare[rows]
        torch.addcmul(kept, move, per_row(slots.step_size[rows], kept), value=-1, out=end)
        if descent.clamp is not None:
            end.clamp_(*descent.clamp)
        if not everyone:
            end.copy_(torch.where(per_row(moving[rows], kept), end, kept))
    slots.x = slots.spare
    slots.steps = slots.steps + moving
    slots.clock = slots.clock + (moving if accepted is None else moving & accepted)


def _way(
    descent: Settled, slots: Slots, rows: slice, gradient: Tensor, clock: Tensor, accepted: Tensor | None
) -> Tensor:
    """direction ⊙ mask of these slots; the direction's memory moves on in its place."""
    memory = combine(lambda tensor: tensor[rows], slots.memory[0])
    before = memory if accepted is None else combine(Tensor.clone, memory)  # a refused update must not be remembered
    omega = None if slots.omega is None else slots.omega[rows]
    direction, fresh = descent.direction(gradient, memory, clock)
    mask = descent.mask(slots.kept[rows], slots.terms.reconstructed[rows], omega)
    move = direction if mask is None else direction * mask
    if accepted is not None:
        move = where(accepted[rows], move, slots.move[rows])
        fresh = where(accepted[rows], fresh, before)
        slots.move[rows] = move
    combine(Tensor.copy_, memory, fresh)
    return move
