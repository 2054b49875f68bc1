"""One iteration of the descent as a CUDA graph: recorded once, then replayed without waiting for the host."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
from torch import Tensor, cuda

from renormal.projection.slots import Slots
from renormal.projection.trees import combine

FIXED = ("busy", "left", "fresh_memory")  # fields of the slots that an iteration leaves alone
WARM_UP = 3  # iterations before the recording: allocator, cuDNN and lazily built constants settle
REFUSED = (
    RuntimeError,
    ValueError,
    TypeError,
    AssertionError,
)  # a network that ran before may raise them in a recording
TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}  # of E(x0), between a replay and an iteration that is run
log = logging.getLogger("renormal")

Step = Callable[[], None]
Recorder = Callable[[Step, torch.device], Step]  # runs a step a few times to record it, returns what repeats it


@dataclass
class Counted:
    """What this process has recorded: recordings, refusals, iterations run for them, and replays."""

    recorded: int = 0
    refused: int = 0
    warm_ups: int = 0
    replayed: int = 0


counted = Counted()


@dataclass(eq=False)
class Recording:
    """Slots whose tensors stay where they are, and a function that moves them on by one iteration."""

    slots: Slots
    repeat: Step

    def take(self, fresh: Slots) -> None:
        """Give the slots the content of `fresh`."""
        for own, start in zip(_tensors(self.slots), _tensors(fresh), strict=True):
            own.copy_(start)
        for name in FIXED:
            setattr(self.slots, name, getattr(fresh, name))

    def agrees(self, iterate: Callable[[Slots], None], tolerance: float) -> bool:
        """Whether a replay finds the E(x0) that `iterate` finds. Leaves the slots as they were.

        An empty recording and one of weights that have moved do not.
        """
        held = _tensors(self.slots)
        start = [tensor.clone() for tensor in held]
        found = []
        for step in (self.repeat, partial(iterate, self.slots)):
            step()
            found.append(self.slots.energy_start.clone())
            _rewind(self.slots, held, start)
        replayed, run = found
        return torch.allclose(replayed, run, rtol=tolerance, atol=tolerance, equal_nan=True)


def recorded(iterate: Callable[[Slots], None], slots: Slots, record: Recorder) -> Recording | None:
    """A recording of `iterate` on `slots`, None where it cannot be recorded. Leaves the slots as they were.

    iterate: reads and rebinds the tensors of the slots, whose shapes never change.
    """
    held = _tensors(slots)
    start = [tensor.clone() for tensor in held]

    def in_place() -> None:
        counted.warm_ups += 1
        iterate(slots)
        fresh = _tensors(slots)
        ends = [new.clone() if _moves_on(new, own, held) else new for new, own in zip(fresh, held, strict=True)]
        for own, end in zip(held, ends, strict=True):
            if end is not own:
                own.copy_(end)
        _rebind(slots, iter(held))

    try:
        repeat = record(in_place, slots.x.device)
    except REFUSED as error:  # a stop rule that reads a value on the host, a network that cannot be recorded
        counted.refused += 1
        log.info("the descent runs step by step, its CUDA graph could not be recorded: %s", first_line(error))
        _rewind(slots, held, start)
        return None
    _rewind(slots, held, start)
    counted.recorded += 1
    return Recording(slots, partial(_counted, repeat))


def cuda_graph(step: Step, device: torch.device) -> Step:
    """Record `step` on a stream of `device`. Raises RuntimeError where it waits for the host.

    Whatever happens, the caller's stream is current again afterwards and no memory pool is left open.
    """
    with cuda.device(device):
        side, before = cuda.Stream(device), cuda.current_stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(before)
        try:
            with _current(side, before):
                for _ in range(WARM_UP):
                    step()
                with _waits_refused():
                    step()
        finally:  # the caller rewinds the slots, which the warm-up may still write
            before.wait_stream(side)
        graph, pool = cuda.CUDAGraph(), cuda.graph_pool_handle()
        try:  # thread_local: the watchdog of NCCL may ask its events from its own thread
            with _current(side, before), cuda.graph(graph, pool, side, capture_error_mode="thread_local"):
                step()
        except BaseException:
            _discard(graph, pool, device)
            raise
    return graph.replay


RECORDERS: dict[str, Recorder] = {"cuda": cuda_graph}  # by type of device


@contextmanager
def _current(stream: cuda.Stream, before: cuda.Stream) -> Iterator[None]:
    """Inside, work goes to `stream`. torch.cuda.graph leaves its own stream current where a recording fails."""
    cuda.set_stream(stream)
    try:
        yield
    finally:
        cuda.set_stream(before)


@contextmanager
def _waits_refused() -> Iterator[None]:
    """Inside, torch raises RuntimeError where the host waits for the device, before a recording could be spoilt."""
    before = cuda.get_sync_debug_mode()
    with warnings.catch_warnings():  # torch says once that it does not yet see all waits
        warnings.filterwarnings("ignore", "Synchronization debug mode")
        cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        cuda.set_sync_debug_mode(before)


def _discard(graph: cuda.CUDAGraph, pool: Any, device: torch.device) -> None:
    """Give the memory of a failed recording back. torch leaves its pool open where the end of the recording fails."""
    with suppress(RuntimeError):  # the pool was closed: the graph itself has it
        torch._C._cuda_endAllocateToPool(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
    graph.reset()
    cuda.empty_cache()


def _counted(repeat: Step) -> None:
    counted.replayed += 1
    repeat()


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _moves_on(new: Tensor, own: Tensor, held: list[Tensor]) -> bool:
    """Whether the new value of a field is the buffer of another one, which may be overwritten first."""
    return new is not own and any(new is other for other in held)


def _tensors(tree: Any) -> list[Tensor]:
    """Every tensor of the slots, in the order of their fields."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, Slots):
        return [
            tensor
            for field in fields(tree)
            if field.name not in FIXED
            for tensor in _tensors(getattr(tree, field.name))
        ]
    return [tensor for item in tree or () for tensor in _tensors(item)]


def _rebind(slots: Slots, held: Iterator[Tensor]) -> None:
    """Give every field of the slots its own buffer back."""
    for field in fields(slots):
        value = getattr(slots, field.name)
        if field.name not in FIXED and value is not None:
            setattr(slots, field.name, combine(lambda _: next(held), value))


def _rewind(slots: Slots, held: list[Tensor], start: list[Tensor]) -> None:
    _rebind(slots, iter(held))
    for own, before in zip(held, start, strict=True):
        own.copy_(before)
