"""How to descend: `Descent` holds the settings; `Settled` also holds what depends on the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, PerSample
from renormal.functional.precision import exact_float32
from renormal.projection.checks import check_fit, check_images, check_search, misfit_named
from renormal.projection.direction import Adam, Direction
from renormal.projection.energy import Energy
from renormal.projection.latent_start import starting_point
from renormal.projection.mask import UpdateMask, error_mask
from renormal.projection.precision import PRECISIONS, computing, settled_precision
from renormal.projection.stop import StopCriterion, Threshold
from renormal.projection.width import FIRST, measured_slots

EnergyFunction = Callable[[Any, Tensor, Images], EnergyTerms]  # (model, x, x0) → terms at x; of z, a LatentSearch
SLOTS = {"cpu": 16}  # ours; `make benchmark-scaling` compares them; on a GPU they are measured
CHECK_EVERY = {"cpu": 1, "cuda": 8}  # ours; a GPU waits for the host at each check


@dataclass(frozen=True)
class Descent:
    """How to descend. The defaults are `eq8_adam`, the reading of the paper under which α = 0.5 fits eq. 8 and Adam.

    step_size: α, section 4.1. max_steps: ours, the paper names no cap. clamp: the range that x is clamped to after each
    update, None for none. safeguard: an update that raises the energy of a sample is refused, and its α is halved.
    slots: samples that move together; on a CPU each thread of torch has as many, a GPU as many as are worth their
    memory. check_every: iterations between two
    checks for samples that are done. None: the device decides. precision: of the network; auto is bfloat16 where the
    device is faster in it and L_r survives it; losses, distances and the stop test stay in float32. graph: replay the
    iteration as a CUDA graph where there is CUDA and no observer. With an energy of z (eq. 2, eq. 6) z moves, and x is
    the decoded z: no mask, no clamp. reconstructed: the answer is f(x_N), not x_N; so observers see f(x_t).
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
    reconstructed: bool = False

    def __post_init__(self) -> None:
        for name in ("step_size", "slots", "check_every"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive, got {value}")
        if not (self.max_steps >= 0 and float(self.max_steps).is_integer()):
            raise ValueError(f"max_steps must be a whole number >= 0, got {self.max_steps}")
        if self.clamp is not None and not (len(self.clamp) == 2 and self.clamp[0] < self.clamp[1]):
            raise ValueError(f"clamp must be two numbers, the lower one first, got {self.clamp}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        check_search(self.energy, self.mask, self.clamp, self.stop)


@dataclass(frozen=True, kw_only=True)
class Settled(Descent):
    """A descent whose slots, check_every and precision are named. `fitted` names the T of its stop as well."""

    slots: int = field()
    check_every: int = field()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision == "auto":
            raise ValueError("a settled descent names its precision, got 'auto': call settle(descent, model, images)")

    @property
    def threshold(self) -> float | None:
        """T, None where the descent has another stop or none."""
        return self.stop.value if isinstance(self.stop, Threshold) else None

    def fitted(self, losses: PerSample) -> Self:
        """With T from L_r of normal images, as `reconstruction_losses` measures it."""
        return replace(self, stop=self.stop.fitted(losses))


def settle(descent: Descent, model: Autoencoder, images: Images) -> Settled:
    """`descent` with slots, check_every and precision named, as the device of these few images wants them."""
    if isinstance(descent, Settled):
        return descent
    kind = images.device.type
    check_every = descent.check_every or CHECK_EVERY.get(kind, CHECK_EVERY["cuda"])
    known = descent.slots or SLOTS.get(kind)
    precision = settled_precision(descent.precision, descent.energy, model, images[: known or FIRST])
    slots = known or (measured_slots(descent.energy, model, images, precision) if len(images) else FIRST)
    given = {one.name: getattr(descent, one.name) for one in fields(Descent)}
    return Settled(**given | {"slots": slots, "check_every": check_every, "precision": precision})


def reconstruction_losses(model: Autoencoder, images: Images, descent: Descent) -> PerSample:
    """L_r of normal images, in the precision and the batch size of the descent: T is a quantile of them.

    Raises ValueError or TypeError for images or a model that do not fit.
    """
    check_images(images, None)
    check_fit(descent.energy, model, None)
    with misfit_named(descent.energy, model, images):
        return _losses(model, images, settle(descent, model, images))


def _losses(model: Autoencoder, images: Images, settled: Settled) -> PerSample:
    with torch.no_grad(), computing(images.device, settled.precision), exact_float32():
        batches = torch.split(images, settled.slots)
        starts = ((starting_point(settled.energy, model, batch), batch) for batch in batches)
        return torch.cat([settled.energy(model, point, batch).reconstruction for point, batch in starts])
