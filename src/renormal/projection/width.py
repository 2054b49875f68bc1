"""How many samples a GPU moves together: twice as many as long as that is faster and fits into its memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from renormal.contracts import Images
from renormal.functional.precision import exact_float32
from renormal.functional.transfer import waited_for
from renormal.projection.latent_start import starting_point
from renormal.projection.precision import computing

FIRST, MOST = 64, 1024  # slots, ours
GAIN = 1.1  # images a second that twice as many slots must bring, ours: more slots idle at the end of a test
REPEATS = 3  # evaluations that are timed, ours
log = logging.getLogger("renormal")
_found: WeakKeyDictionary[nn.Module, dict[Hashable, int]] = WeakKeyDictionary()


def widest(images_per_second: Callable[[int], float]) -> int:
    """The slots that are worth their memory. images_per_second: of so many slots; may raise torch.OutOfMemoryError."""
    width, rate = FIRST, 0.0
    while not rate:
        try:
            rate = images_per_second(width)
        except torch.OutOfMemoryError:
            if width == 1:
                raise
            width //= 2
    while FIRST <= width < MOST:
        try:
            wider = images_per_second(2 * width)
        except torch.OutOfMemoryError:
            break
        if wider < GAIN * rate:
            break
        width, rate = 2 * width, wider
    return width


def measured_slots(energy: Any, model: Any, images: Images, precision: str) -> int:
    """`widest` of this energy, network and device, measured once in a process. images: a few of the test's size.

    Energies of one class and one L_r take as much memory, whatever their weights are.
    """
    own = _found.setdefault(model, {}) if isinstance(model, nn.Module) else {}
    key = type(energy), getattr(energy, "loss", None), images.shape[1:], images.device, precision
    if key not in own:
        own[key] = widest(partial(_images_per_second, energy, model, images, precision))
        log.info("%d slots: more bring less than %.0f %% or do not fit", own[key], 100 * (GAIN - 1))
    return own[key]


def _images_per_second(energy: Any, model: Any, images: Images, precision: str, slots: int) -> float:
    """Of E and ∇E alone, without a recording. The first evaluation is not timed."""
    device, start = images.device, 0.0
    with torch.inference_mode(False), torch.enable_grad(), exact_float32(), computing(device, precision):
        x0 = images[torch.arange(slots, device=device) % len(images)]
        for repeat in range(REPEATS + 1):
            if repeat == 1:
                waited_for(device)
                start = time.perf_counter()
            x = starting_point(energy, model, x0).detach().requires_grad_()
            torch.autograd.grad(energy(model, x, x0).total.sum(), x)
        waited_for(device)
    return REPEATS * slots / (time.perf_counter() - start)
