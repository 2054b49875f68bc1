"""Time contenders in turns, each in its own process: other load on the machine affects all of them."""

from __future__ import annotations

import importlib
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, NamedTuple

Rows = list[tuple[str, str, float, str]]  # key, description, value, target
MIB = 1024  # ru_maxrss is in KiB on Linux


class Pace(NamedTuple):
    """Rounds at most, and seconds after which no further one begins. said: told of each round when it has ended.

    processor: compare seconds of the processor, which other load on the machine changes less than those of the clock.
    """

    rounds: int
    seconds: float
    said: Callable[[str], None] = print
    processor: bool = False


@dataclass(frozen=True)
class Contender:
    """`prepare` ("module:function") makes all preparations, untimed, and returns the function to time.

    warm: whether an untimed call comes first.
    """

    name: str
    prepare: str
    settings: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    warm: bool = True


@dataclass(frozen=True)
class Outcome:
    """Seconds of each round, by the clock or of the processor as the pace asks, the last answer of the function, and
    the memory that its calls added, in MiB."""

    seconds: list[float]
    answer: dict[str, Any]
    memory_mib: float
    threads: int

    @property
    def median(self) -> float:
        return median(self.seconds)


def _serve(pipe: Connection, contender: Contender) -> None:
    import torch

    from renormal.job.environment import reuse_freed_memory

    torch.set_num_threads(contender.threads)
    reuse_freed_memory()
    module, function = contender.prepare.split(":")
    run = getattr(importlib.import_module(module), function)(**contender.settings)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if contender.warm:
        run()
    pipe.send(None)
    while pipe.recv():
        start, used = time.perf_counter(), time.process_time()
        answer = run()
        seconds, used = time.perf_counter() - start, time.process_time() - used
        answer = answer() if callable(answer) else answer  # an answer that is a function is computed here, untimed
        seconds = answer.pop("seconds", seconds)  # a function may measure its own time
        pipe.send((seconds, used, answer, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MIB))


@contextmanager
def _started(contender: Contender) -> Iterator[Connection]:
    ours, theirs = get_context("spawn").Pipe()
    os.environ["OMP_NUM_THREADS"] = str(contender.threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # a waiting contender must leave the cores free
    process = get_context("spawn").Process(target=_serve, args=(theirs, contender), daemon=False)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield ours
        ours.send(False)
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()


def contest(contenders: Sequence[Contender], pace: Pace) -> dict[str, Outcome]:
    """Name → outcome. A round runs each contender once. Of several contenders of one name, the fastest counts.

    The first round is run whatever it takes; a further one only where it would end within the seconds of the pace.
    """
    from contextlib import ExitStack

    seconds: list[list[float]] = [[] for _ in contenders]
    last: list[tuple[dict[str, Any], float]] = [({}, 0.0) for _ in contenders]
    start = time.monotonic()
    with ExitStack() as stack:
        pipes = []
        for contender in contenders:
            begun = time.monotonic()
            pipes.append(stack.enter_context(_started(contender)))
            pace.said(f"{contender.name}, {contender.threads} threads: warm after {time.monotonic() - begun:.0f} s")
        for turn in range(1, pace.rounds + 1):
            begun = time.monotonic()
            for number, pipe in enumerate(pipes):
                pipe.send(True)
                clock, used, answer, memory = pipe.recv()
                seconds[number].append(used if pace.processor else clock)
                last[number] = (answer, memory)
            each = time.monotonic() - begun
            pace.said(f"round {turn} of {pace.rounds}: {each:.0f} s")
            if time.monotonic() - start + each > pace.seconds:
                break
    best: dict[str, Outcome] = {}
    for contender, taken, (answer, memory) in zip(contenders, seconds, last, strict=True):
        outcome = Outcome(taken, answer, memory, contender.threads)
        if contender.name not in best or outcome.median < best[contender.name].median:
            best[contender.name] = outcome
    return best


def with_threads(name: str, prepare: str, counts: Sequence[int], **settings: Any) -> list[Contender]:
    """One contender per number of threads, all of one name."""
    return [Contender(name, prepare, settings, threads) for threads in counts]


def detail(outcome: Outcome) -> dict[str, Any]:
    """For the JSON file."""
    own = {"seconds": outcome.seconds, "memory_mib": round(outcome.memory_mib), "threads": outcome.threads}
    return own | outcome.answer


def rate(outcome: Outcome, unit: str) -> float:
    """Of what the answer counts, a second."""
    return float(outcome.answer[unit] / outcome.median)
