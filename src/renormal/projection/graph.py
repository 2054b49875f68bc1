"""One iteration of the descent as a CUDA graph: recorded once, then replayed without waiting for the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from renormal.projection.slots import Slots
from renormal.projection.trees import combine

FIXED = ("busy", "fresh_memory")  # fields of the slots that an iteration leaves alone
WARM_UP = 3  # iterations before the recording: allocator, cuDNN and lazily built constants settle
log = logging.getLogger("renormal")

Step = Callable[[], None]
Recorder = Callable[[Step], Step]  # runs a step once to record it, returns what repeats it


def replayed(step: Step, slots: Slots, record: Recorder | None = None) -> Step:
    """A function that repeats `step` on `slots` from a recording, or `step` itself where it cannot be recorded.

    step: reads and rebinds the tensors of `slots`, whose shapes never change. This call leaves the slots as they were.
    record: how to record; None for a CUDA graph.
    """
    held = _tensors(slots)
    before = [tensor.clone() for tensor in held]

    def in_place() -> None:
        step()
        fresh = _tensors(slots)
        ends = [new.clone() if _moves_on(new, own, held) else new for new, own in zip(fresh, held, strict=True)]
        for own, end in zip(held, ends, strict=True):
            if end is not own:
                own.copy_(end)
        _rebind(slots, iter(held))

    def rewind() -> None:
        _rebind(slots, iter(held))
        for own, start in zip(held, before, strict=True):
            own.copy_(start)

    try:
        repeat = (record or cuda_graph)(in_place)
    except RuntimeError as error:  # a stop rule that reads a value on the host, a network that cannot be recorded
        log.info("the descent runs step by step, its CUDA graph could not be recorded: %s", str(error).splitlines()[0])
        repeat = step
    rewind()
    return repeat


def cuda_graph(step: Step) -> Step:
    """Record `step` on a side stream, as torch asks for. Raises RuntimeError where it waits for the host."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


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
