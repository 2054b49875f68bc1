"""The projection: x ← x − α · direction ⊙ mask until each sample is normal again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, Projection, Stopped
from renormal.functional.blocks import blocks, per_row
from renormal.functional.precision import exact_float32
from renormal.functional.transfer import current
from renormal.projection.checks import check_fit, check_images, check_terms, check_values, misfit_named
from renormal.projection.descent import Descent, Settled, settle
from renormal.projection.energy import Differentiable, Slope
from renormal.projection.latent_start import LatentSearch, starting_point
from renormal.projection.narrowing import Narrowing
from renormal.projection.observing import Observer, Watch, seen
from renormal.projection.precision import computing
from renormal.projection.recordings import repeating
from renormal.projection.slots import Queue, Slots
from renormal.projection.threads import in_threads, threads_for, torch_threads_shared
from renormal.projection.trees import combine, where

STUCK = "{} iterations on {} ended no sample: it does not do its work; try graph=False, or another device"


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
    observe: called with every evaluation of the samples that are still moving, from one thread; all evaluations
    between two checks (check_every) come at the second one. finished: called with the number of samples that are newly
    done, one call at a time. Works under inference mode, leaves the model's weights, gradients and training flag alone.
    For a model with nn.Linear on a CPU set MKL_CBWR=AUTO before torch multiplies: MKL may add up differently from row
    to row without it. Raises ValueError or TypeError for images, Ω or a model that do not fit. It ends whatever the
    device does: RuntimeError for one that does not do its work.
    """
    if not isinstance(descent, Descent):
        raise TypeError(f"descent must be a Descent, got {type(descent).__name__}")
    check_images(x0, omega)
    check_values(x0, descent.clamp)
    check_fit(descent.energy, model, omega)
    with torch.inference_mode(False), exact_float32(), current(x0.device), misfit_named(descent.energy, model, x0):
        x0, omega = x0.clone(), None if omega is None else omega.clone()
        settled = settle(descent, model, x0)
        width = min(settled.slots, len(x0))
        threads = threads_for(len(x0), width, x0.device) if observe is None else 1
        with torch_threads_shared(threads):
            queue = Queue(x0, _starting_points(settled, model, x0), omega, settled, finished)
            if width:
                memory = settled.direction.start(queue.points[:width]), settled.stop.start(width, x0.device)
                moving = [queue.open(width, memory, observed=observe is not None) for _ in range(threads)]
                in_threads(partial(_run, settled, model, queue, observe), moving, queue.close)
        return queue.result


def _run(descent: Settled, model: Autoencoder, queue: Queue, observe: Observer | None, slots: Slots) -> None:
    """Iterate until the queue and these slots are empty: what one thread does."""
    watch = None if observe is None else Watch(observe, descent.check_every)
    narrowing = Narrowing(model, descent, partial(_differentiate, descent, model))
    iterate = partial(_iterate, descent, model, queue)
    with (
        torch.inference_mode(False),
        torch.enable_grad(),  # each thread has its own modes
        repeating(iterate, model, descent, slots) as (slots, step),
    ):
        left, waited = 0, 0
        while queue.exchange(slots):
            left, waited = slots.left, 0 if slots.left > left else waited + descent.check_every
            if waited > descent.max_steps + 2 * descent.check_every:
                raise RuntimeError(STUCK.format(waited, slots.x.device))
            if queue.empty and watch is None:
                narrowing(slots)
            for _ in range(descent.check_every):
                step()
                if watch is not None:
                    watch(slots)


def _starting_points(descent: Settled, model: Autoencoder, x0: Images) -> Tensor:
    """x0, or z₀ of each sample. Every batch has the size of the slots, so that no bit of z₀ depends on the others."""
    width = min(descent.slots, len(x0))
    if width == 0 or not isinstance(descent.energy, LatentSearch):
        return x0
    with torch.no_grad(), computing(x0.device, descent.precision):
        begin = partial(starting_point, descent.energy, model)
        points = [begin(x0[first : first + width]) for first in range(0, len(x0) - width + 1, width)]
        rest = len(x0) % width
        return torch.cat([*points, *([begin(x0[-width:])[-rest:]] if rest else [])])


def _iterate(descent: Settled, model: Autoencoder, queue: Queue, slots: Slots) -> None:
    """One evaluation and one update of every slot. Nothing in it waits for a device."""
    terms, slope = _differentiate(descent, model, slots)
    with torch.no_grad():
        if slots.seen is not None:
            slots.seen = seen(slots, queue.images(slots.x, terms), terms)
        accepted = _accept(descent, slots, terms)
        _move(descent, slots, slope, accepted)


def _differentiate(descent: Settled, model: Autoencoder, slots: Slots) -> tuple[EnergyTerms, Slope]:
    """E and ∇E at x: the gradient of Σ E over samples holds ∇E of each sample. No weight receives a gradient."""
    with computing(slots.x.device, descent.precision):
        energy = descent.energy
        if isinstance(energy, Differentiable) and energy.written_for is type(energy):
            return energy.differentiate(model, slots.x, slots.x0)
        x = slots.x.detach().requires_grad_()
        terms = energy(model, x, slots.x0)
        check_terms(terms, slots.x0)
        (gradient,) = torch.autograd.grad(terms.total.sum(), x)
        return EnergyTerms(*(term.detach() for term in terms)), gradient.__getitem__


def _accept(descent: Settled, slots: Slots, terms: EnergyTerms) -> Tensor | None:
    """Which points are accepted, None for all. Keeps them with their terms, and says which samples are done and why."""
    accepted = None if not descent.safeguard else (terms.total <= slots.terms.total) | (slots.steps == 0)
    if accepted is None:
        slots.kept, slots.spare = slots.x, slots.kept
    else:
        slots.kept, slots.spare = where(accepted, slots.x, slots.kept), slots.x
    slots.terms = terms if accepted is None else where(accepted, terms, slots.terms)
    slots.energy_start = torch.where(slots.steps == 0, slots.terms.total, slots.energy_start)
    arrived, stop_memory = descent.stop(slots.terms, slots.memory[1])
    if accepted is not None:  # a refused update is no evidence that the energy has converged
        arrived, stop_memory = arrived & accepted, where(accepted, stop_memory, slots.memory[1])
    slots.memory = (slots.memory[0], stop_memory)
    finite = slots.terms.total.isfinite()
    reason = torch.full_like(slots.stopped, Stopped.OUT_OF_STEPS)  # filled, since a graph copies no number of the host
    reason = reason.masked_fill(arrived, Stopped.ARRIVED).masked_fill(~finite, Stopped.NOT_FINITE)
    slots.stopped = torch.where(slots.done, slots.stopped, reason)
    slots.done = slots.done | arrived | (slots.steps >= descent.max_steps) | ~finite
    return accepted


def _move(descent: Settled, slots: Slots, slope: Slope, accepted: Tensor | None) -> None:
    """One update of the samples that are not done. A refused sample goes back to the last point, with half its α."""
    moving = ~slots.done
    clock = slots.clock + 1
    if accepted is not None:
        slots.step_size = torch.where(accepted, slots.step_size, slots.step_size / 2)
    all_move = moving.device.type == "cpu" and bool(moving.all())  # a GPU would have to wait for the host
    for rows in blocks(slots.kept):
        move = _masked_direction(descent, slots, rows, slope(rows), clock[rows], accepted)
        kept, end = slots.kept[rows], slots.spare[rows]
        torch.addcmul(kept, move, per_row(slots.step_size[rows], kept), value=-1, out=end)
        if descent.clamp is not None:
            end.clamp_(*descent.clamp)
        if not all_move:
            end.copy_(torch.where(per_row(moving[rows], kept), end, kept))
    slots.x = slots.spare
    slots.steps = slots.steps + moving
    slots.clock = slots.clock + (moving if accepted is None else moving & accepted)


def _masked_direction(
    descent: Settled, slots: Slots, rows: slice, gradient: Tensor, clock: Tensor, accepted: Tensor | None
) -> Tensor:
    """direction ⊙ mask of these rows. The memory of the direction is updated in place."""
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
