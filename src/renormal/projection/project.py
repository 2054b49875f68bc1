"""The projection: x ← x − α · direction ⊙ mask until each sample is normal again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, Mask, PerSample, Projection
from renormal.functional.blocks import blocks, per_row
from renormal.projection.checks import check_fit, check_images, check_search
from renormal.projection.direction import Adam, Direction
from renormal.projection.energy import Energy, Slope
from renormal.projection.graph import Step, replayed
from renormal.projection.latent_start import LatentSearch, starting_point
from renormal.projection.mask import UpdateMask, error_mask
from renormal.projection.precision import PRECISIONS, computing, settled
from renormal.projection.slots import Queue, Slots, combine
from renormal.projection.stop import StopCriterion, Threshold
from renormal.projection.threads import lanes_of, side_by_side, threads_of

EnergyFunction = Callable[[Any, Tensor, Images], EnergyTerms]  # (model, x, x0) → terms at x; of z, a LatentSearch
SLOTS = {"cpu": 16, "cuda": 256}  # ours; `make benchmark-scaling` compares them on a CPU
LOOKS = {"cpu": 1, "cuda": 8}  # iterations between two looks at who has stopped: each one stalls a device
Observer = Callable[[Tensor, Tensor, Images, EnergyTerms], None]  # (sample indices, t of each, x, terms at x)


@dataclass(frozen=True)
class Descent:
    """How to descend. The defaults are `eq8_adam`, the reading of the paper under which α = 0.5 fits eq. 8 and Adam.

    step_size: α, section 4.1. max_steps: ours, the paper names no cap. clamp: range kept after each update, None for
    none. safeguard: refuse an update that raises a sample's energy and halve its α. slots: samples that move together;
    on a CPU each thread of torch has as many. check_every: iterations between two looks at who has stopped. None leaves
    either to the device. precision: of the network; auto is bfloat16 where the device has it and L_r survives it;
    losses, distances and the stop test stay in float32. graph: replay the iteration as a CUDA graph where there is CUDA
    and no observer. With an energy of z (eq. 2, eq. 6) z moves and x is what it decodes to: no mask, no clamp.
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
        check_search(self.energy, self.mask, self.clamp, self.stop)


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
    model's weights, gradients and training flag alone. For a model with nn.Linear on a CPU set MKL_CBWR=AUTO before
    torch multiplies: MKL may add up differently from row to row without it. Raises ValueError for images, Ω or a model
    that do not fit.
    """
    check_images(x0, omega)
    check_fit(descent.energy, model, omega)
    with torch.inference_mode(False):
        x0, omega = x0.clone(), None if omega is None else omega.clone()
        descent = settle(descent, model, x0)
        assert descent.slots is not None
        width = min(descent.slots, len(x0))
        lanes = lanes_of(len(x0), width, x0.device) if observe is None else 1
        with threads_of(lanes):
            queue = Queue(x0, _points(descent, model, x0), omega, descent.step_size, arrived)
            if width:
                memory = descent.direction.start(queue.points[:width]), descent.stop.start(width, x0.device)
                moving = [queue.open(width, memory) for _ in range(lanes)]
                side_by_side(partial(_run, descent, model, queue, observe), moving, queue.close)
        return queue.result


def _run(descent: Descent, model: Autoencoder, queue: Queue, observe: Observer | None, slots: Slots) -> None:
    """One lane, until the queue and its slots are empty."""
    assert descent.check_every is not None
    with torch.inference_mode(False), torch.enable_grad():  # each thread has its own modes
        watch = None if observe is None else partial(_watch, observe, queue, slots)
        step: Step = partial(_iterate, descent, model, slots, watch)
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
    return _where_they_are(model, images, descent, lambda terms: terms.reconstruction)


def energies(model: Autoencoder, images: Images, descent: Descent) -> PerSample:
    """E of images that have not moved, in the precision and the batch size of the descent."""
    return _where_they_are(model, images, descent, lambda terms: terms.total)


def _where_they_are(
    model: Autoencoder, images: Images, descent: Descent, term: Callable[[EnergyTerms], PerSample]
) -> PerSample:
    descent = settle(descent, model, images)
    with torch.no_grad(), computing(images.device, descent.precision):
        batches = torch.split(images, descent.slots or len(images))
        starts = ((starting_point(descent.energy, model, batch), batch) for batch in batches)
        return torch.cat([term(descent.energy(model, point, batch)) for point, batch in starts])


def _points(descent: Descent, model: Autoencoder, x0: Images) -> Tensor:
    """Where each sample starts to move, in batches of the descent's size: not a bit depends on the others."""
    width = min(descent.slots or len(x0), len(x0))
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


def _iterate(descent: Descent, model: Autoencoder, slots: Slots, watch: Callable[[EnergyTerms], None] | None) -> None:
    """One evaluation and one update of every slot. Nothing in it waits for a device."""
    terms, slope = _differentiate(descent, model, slots)
    with torch.no_grad():
        if watch is not None:
            watch(terms)
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
        torch.addcmul(kept, move, per_row(slots.step_size[rows], kept), value=-1, out=end)
        if descent.clamp is not None:
            end.clamp_(*descent.clamp)
        if not everyone:
            end.copy_(torch.where(per_row(moving[rows], kept), end, kept))
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
    return combine(lambda one, other: torch.where(per_row(accepted, one), one, other), new, old)
