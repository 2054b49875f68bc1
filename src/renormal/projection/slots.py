"""Which samples move now: a fixed number of slots, each with its sample's point, image, Ω, clock and memory.

A sample that is done leaves its slot and the next one enters, so that no sample waits for the slowest (continuous
batching). The batch that the network sees keeps its shape: results do not depend on the order of the samples, and one
iteration can be recorded as a CUDA graph. When the queue is empty, a free slot keeps its old content and is ignored,
or slots become fewer (narrowing.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor

from renormal.contracts import EnergyTerms, Images, Mask, PerSample, Projection
from renormal.projection.descent import Descent
from renormal.projection.trees import combine, write_rows


class Seen(NamedTuple):
    """What an evaluation shows to an observer: a row for each slot, of which only those that moved count."""

    moving: PerSample
    sample: Tensor
    t: PerSample
    x: Images
    terms: EnergyTerms


@dataclass
class Slots:
    """The moving batch. Every tensor has one row a slot."""

    sample: Tensor  # which sample, −1 when idle
    busy: int  # slots that are not idle
    left: int  # samples that have left these slots
    x0: Images
    x: Tensor  # the point whose energy is asked for next: an image, or z
    omega: Mask | None
    kept: Tensor  # the last accepted point; `terms` and `move` belong to it
    spare: Tensor  # where the next point is written: allocating it at each step costs more
    terms: EnergyTerms
    move: Tensor
    step_size: PerSample  # α of each sample: the safeguard halves it
    steps: PerSample  # updates tried
    clock: PerSample  # updates accepted, which is what Adam counts
    memory: Any  # of the direction and of the stop criterion: nested tuples of tensors
    fresh_memory: Any
    done: PerSample
    stopped: PerSample  # why it is done: a `Stopped`
    energy_start: PerSample  # E at the first point of the sample
    seen: Seen | None  # of the last evaluation; None where nobody observes


class Queue:
    """Feeds samples into slots and gathers what comes out, in the order of the input.

    Slots of several threads may draw from it. points: where the samples start, x0 itself unless z moves. finished:
    called with the number of samples that are newly done.
    """

    def __init__(
        self,
        x0: Images,
        points: Tensor,
        omega: Mask | None,
        descent: Descent,
        finished: Callable[[int], None] | None = None,
    ) -> None:
        samples = len(x0)
        nothing = x0.new_full((samples,), torch.nan)
        self.x0, self.points, self.omega, self.step_size = x0, points, omega, descent.step_size
        self.reconstructed = descent.reconstructed or points is not x0
        self.entered, self.closed = 0, False
        self.finished, self.lock = finished, Lock()
        self.result = Projection(
            x=torch.empty_like(x0),
            terms=EnergyTerms(nothing, nothing.clone(), nothing.clone(), torch.empty_like(x0)),
            steps=torch.zeros(samples, dtype=torch.long, device=x0.device),
            stopped=torch.zeros(samples, dtype=torch.long, device=x0.device),
            energy_start=nothing.clone(),
        )

    @property
    def empty(self) -> bool:
        """Whether every sample has entered."""
        return self.entered == len(self.x0)

    def images(self, points: Tensor, terms: EnergyTerms) -> Images:
        """What the samples become: x, or f(x) where that is the answer, or what the decoder makes of z."""
        return terms.reconstructed if self.reconstructed else points

    def close(self) -> None:
        """End every descent at its next `exchange`, finished or not."""
        self.closed = True

    def open(self, count: int, memory: Any, *, observed: bool = False) -> Slots:
        """Slots with the next `count` samples. memory: what direction and stop start from."""
        sample = slice(self.entered, self.entered + count)
        self.entered += count
        x0 = torch.empty_like(self.x0[sample]).copy_(self.x0[sample])
        point = x0 if self.points is self.x0 else self.points[sample]
        zeros = x0.new_zeros(count)
        terms = EnergyTerms(zeros.clone(), zeros.clone(), zeros.clone(), x0.clone())
        return Slots(
            sample=torch.arange(sample.start, sample.stop, device=x0.device),
            busy=count,
            left=0,
            x0=x0,
            x=point.clone(),
            omega=None if self.omega is None else self.omega[sample].clone(),
            kept=point.clone(),
            spare=point.clone(),
            terms=terms,
            move=torch.zeros_like(point),
            step_size=zeros + self.step_size,
            steps=zeros.long(),
            clock=zeros.long(),
            memory=combine(Tensor.clone, memory),
            fresh_memory=memory,
            done=zeros.bool(),
            stopped=zeros.long(),
            energy_start=zeros.clone(),
            seen=Seen(zeros.bool(), zeros.long(), zeros.long(), x0.clone(), combine(Tensor.clone, terms))
            if observed
            else None,
        )

    def exchange(self, slots: Slots) -> bool:
        """Take out the samples that are done and put the next ones in. False when no sample moves any more.

        Nothing else waits for the device.
        """
        rows = (slots.done & (slots.sample >= 0)).nonzero().flatten()
        if len(rows):
            with self.lock:
                self._collect(slots, rows)
                entering = rows[: len(self.x0) - self.entered]
                self._admit(slots, entering)
            idle = rows[len(entering) :]
            slots.sample[idle] = -1
            slots.busy -= len(idle)
            slots.left += len(rows)
        return slots.busy > 0 and not self.closed

    def _collect(self, slots: Slots, rows: Tensor) -> None:
        sample = slots.sample[rows]
        self.result.x[sample] = self.images(slots.kept, slots.terms)[rows].to(self.result.x.dtype)
        for whole, part in zip(self.result.terms, slots.terms, strict=True):
            whole[sample] = part[rows].to(whole.dtype)  # a model may answer in bfloat16
        self.result.steps[sample] = slots.steps[rows]
        self.result.stopped[sample] = slots.stopped[rows]
        self.result.energy_start[sample] = slots.energy_start[rows].to(self.result.energy_start.dtype)
        if self.finished is not None:
            self.finished(len(rows))

    def _admit(self, slots: Slots, rows: Tensor) -> None:
        if len(rows) == 0:
            return
        sample = torch.arange(self.entered, self.entered + len(rows), device=rows.device)
        self.entered += len(rows)
        slots.sample[rows] = sample
        slots.x0[rows], slots.x[rows] = self.x0[sample], self.points[sample]
        if slots.omega is not None and self.omega is not None:
            slots.omega[rows] = self.omega[sample]
        slots.step_size[rows] = self.step_size
        slots.steps[rows], slots.clock[rows] = 0, 0
        slots.done[rows] = False
        write_rows(slots.memory, slots.fresh_memory, rows)
