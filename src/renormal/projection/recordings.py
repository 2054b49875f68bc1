"""One recording for each (network, recipe, shape): it is kept as long as the network lives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from renormal.projection.descent import Settled
from renormal.projection.graph import RECORDERS, TOLERANCE, Recorder, Recording, Step, recorded
from renormal.projection.slots import Slots

KEPT = 4  # recordings of one network, ours: each holds its slots in the device's memory
Shelf = dict[Hashable, Recording | None]  # None: it cannot be recorded
log = logging.getLogger("renormal")
_shelves: WeakKeyDictionary[nn.Module, Shelf] = WeakKeyDictionary()
_lock = Lock()


@contextmanager
def repeating(
    iterate: Callable[[Slots], None], model: Any, descent: Settled, slots: Slots
) -> Iterator[tuple[Slots, Step]]:
    """(slots, step): `step` moves these slots on by one iteration, from a recording where device and network allow it.

    A recording is compared with one iteration that is run before each use.
    """
    record = RECORDERS.get(slots.x.device.type) if descent.graph else None
    if record is None:
        yield slots, partial(iterate, slots)
        return
    shelf, key = _shelf(model), _key(model, descent, slots)
    found = _ready(iterate, descent, slots, record, shelf, key)
    if found is None:
        yield slots, partial(iterate, slots)
    else:
        try:
            yield found.slots, found.repeat
        finally:
            with _lock:
                shelf[key] = found
                for old in [key for key, one in shelf.items() if one is not None][:-KEPT]:
                    del shelf[old]


def _ready(
    iterate: Callable[[Slots], None], descent: Settled, slots: Slots, record: Recorder, shelf: Shelf, key: Hashable
) -> Recording | None:
    """An earlier recording, filled with the content of `slots`, or a new one. Nobody else has it meanwhile."""
    with _lock:
        if key in shelf and shelf[key] is None:
            return None
        kept = shelf.pop(key, None)
    if kept is not None:
        kept.take(slots)
        if kept.agrees(iterate, TOLERANCE[descent.precision]):
            return kept
    fresh = recorded(iterate, slots, record)
    if fresh is not None and not fresh.agrees(iterate, TOLERANCE[descent.precision]):
        log.info("the descent runs step by step: what its CUDA graph repeats is another iteration")
        fresh = None
    if fresh is None:
        with _lock:
            shelf[key] = None
    return fresh


def _shelf(model: Any) -> Shelf:
    """The recordings of this network; empty for one whose weights cannot be asked where they are."""
    with _lock:
        return _shelves.setdefault(model, {}) if isinstance(model, nn.Module) else {}


def _key(model: Any, descent: Settled, slots: Slots) -> Hashable:
    """What a recording depends on: recipe, shapes, places of the weights, settings of the modules."""
    shapes = tuple((part.shape, part.stride(), part.dtype, part.device) for part in (slots.x0, slots.x))
    extras = None if slots.omega is None else slots.omega.shape, slots.seen is not None
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    weights = tuple(place for module in modules for place in _places(module))
    plain = tuple(
        value for module in modules for value in vars(module).values() if isinstance(value, str | float | int)
    )
    key = (descent, shapes, extras, weights, plain)
    return key if hashable(key) else object()


def hashable(key: object) -> bool:
    """Whether it can be looked up. A list in an energy or a stop cannot: its content may change."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _places(module: nn.Module) -> list[int]:
    own: chain[Tensor | None] = chain(module._parameters.values(), module._buffers.values())
    return [tensor.data_ptr() for tensor in own if tensor is not None]
