"""The work of `renormal-predict`: what it needs before it begins, one pass over the photographs, or many."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch

from renormal.console.text import counted, printable
from renormal.files import shown
from renormal.inspect.about import about, promise
from renormal.inspect.counting import Counting
from renormal.inspect.doubts import Doubts
from renormal.inspect.inputs import PAGE, TABLE, Inputs, Item, Part, chunks, stable
from renormal.inspect.joined import join
from renormal.inspect.predictions import FILES, Predictions, is_near, ratio_text, state_of, times_threshold
from renormal.inspect.predictor import Lines, Predictor, Processes, Task
from renormal.inspect.settled import ABOUT, digest_of_mask, root_of
from renormal.job.environment import make_sums_reproducible
from renormal.job.rank import number_on_node, share

POLL = 2.0  # seconds between two listings of a folder that is watched, ours
NAMED = 10  # defective photographs that are named at the end, ours: the table has all
SHARE = 20  # ours: while a folder is watched, its CSV is written in at most 1/20 of the time


UNTIL = ": until then only --threshold raises the threshold"


class Run:
    """One command. Entering it loads the job, and checks all that can be checked; leaving it ends its processes."""

    def __init__(self, options: argparse.Namespace, source: Inputs) -> None:
        self.options, self.source, self.stack = options, source, ExitStack()
        self.part = Part(*share()).within(options.part)
        self.said, self.marked = set[str](), list[str]()
        self.near, self.closest = 0, list[tuple[float, str]]()  # score / threshold, name of those that are named

    def __enter__(self) -> Self:
        with self.stack:  # ends what has begun if the rest fails
            self._begin()
            self.stack = self.stack.pop_all()
        return self

    def _begin(self) -> None:
        make_sums_reproducible()
        options, source = self.options, self.source
        if not options.watch and not any(True for _ in source):
            nothing = f"no photograph is in {shown(source.places[0] if len(source.places) == 1 else source.root)}"
            raise ValueError("; ".join(filter(None, [nothing, *source.closed, self._left_out()])))
        self.task = task_of(options)
        predictor = Predictor(self.task)
        settings = settings_of(predictor, source)
        self.predictions = Predictions(options.out, settings, self.part, force=options.force)
        self.stack.callback(self.predictions.close)
        source.root = Path(self.predictions.settings["root"] or source.root)
        total = None if options.watch else self._counted()
        print(begun(predictor, self.part, total), file=sys.stderr)
        self.size, self.doubts = predictor.at_a_time, Doubts(predictor.inspector.jobs)
        several = options.workers > 1
        self.workers = self.stack.enter_context(Processes(self.task, options.workers)) if several else predictor
        self.counting = self.stack.enter_context(Counting(total))

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _counted(self) -> int:
        """The photographs of this part."""
        return sum(self.part.takes(item.name) for item in self.source)

    def once(self) -> None:
        """Predict every photograph of this part."""
        self._add(self.source)

    def watch(self) -> None:
        """Predict what is new in the folder, and whatever comes, until Ctrl-C."""
        seen: dict[str, tuple[int, int, bool]] = {}
        due, written = 0.0, 0
        try:
            while True:
                self._add(stable(self.source, seen))
                start, done = time.monotonic(), self.counting.states.total()
                if done > written and start >= due:
                    join(self.options.out, self.source.left_out)
                    written, due = done, time.monotonic() + SHARE * (time.monotonic() - start)
                time.sleep(POLL)
        except KeyboardInterrupt:
            return
        except SystemExit as ending:  # see `program.begin`
            if ending.code != 128 + 2:
                raise

    def _add(self, items: Iterable[Item]) -> None:
        keep = partial(self.predictions.keep, files=self.task.files)
        mine = (item for item in items if self.part.takes(item.name))
        for lines in self.workers.lines(chunks(mine, self.size, keep)):
            self._take(lines)
        for line in self.source.closed:
            self._complain(line)

    def _take(self, lines: Lines) -> None:
        """Keep the lines of a chunk, count and print them."""
        self.predictions.add([self.doubts.noted(line) for _, line in lines if line is not None])
        for item, new in lines:
            line = self.predictions.line_of(item.name)
            if new is None:
                self.counting.before += 1
            self.doubts.look(line)
            self.counting.add(state_of(line))
            if line.get("defective") and len(self.marked) < NAMED:
                self.marked.append(item.name)
            if is_near(line):
                self.near += 1
                self.closest = sorted([*self.closest, (times_threshold(line) or 0.0, item.name)])[-NAMED:]
            if "error" in line:
                self.counting.say(f"renormal-predict: {self._named(line['error'])}")
            if self.options.json:
                print(json.dumps(line), flush=True)

    def _named(self, error: str) -> str:
        """The line of a photograph that could not be read, with what the user calls it."""
        if not (self.source.nameless and error.startswith(str(self.source.places[0]))):
            return error
        return f"- takes one photograph on standard input, and reads none ({error.partition(': ')[2].split(';')[0]})"

    def _complain(self, line: str) -> None:
        """Say once what could not be listed."""
        if line not in self.said:
            self.said.add(line)
            self.counting.states["unread"] += 1
            self.counting.say(f"renormal-predict: {line}")

    def _left_out(self) -> str:
        return f"no images by their names: {self.source.left_out}" if self.source.left_out else ""

    def end(self) -> int:
        """Write the CSV, say what was done and what is doubtful, and return the exit status."""
        join(self.options.out, self.source.left_out)
        for line in self.doubts.lines:
            print(printable(f"renormal-predict: {line}"), file=sys.stderr)
        stream = sys.stderr if self.options.json else sys.stdout
        if self.marked:
            print(printable(f"defective: {self._marked()}"), file=stream)
        if self.near:
            print(printable(f"good, but close to the threshold (score / threshold): {self._near()}"), file=stream)
        files = map(str, (self.options.out / TABLE, self.options.out / PAGE))
        parts = [self.counting.summary, self._left_out(), *files]
        print(printable("; ".join(filter(None, parts))), file=stream)
        return self.counting.code

    def _marked(self) -> str:
        more = self.counting.states["defective"] - len(self.marked)
        return ", ".join(self.marked) + (f" and {more} more" if more else "")

    def _near(self) -> str:
        """The closest ones, each with its score / threshold."""
        named = ", ".join(f"{name} ({ratio_text(times)})" for times, name in reversed(self.closest))
        more = self.near - len(self.closest)
        return named + (f" and {more} more" if more else "")


def task_of(options: argparse.Namespace) -> Task:
    """The options as each process needs them."""
    kinds = options.only or ("overlays", "masks", "maps")
    return Task(
        run=options.run,
        trust=tuple(options.trust),
        column=options.column,
        rate=options.false_alarms,
        device=device_named(options.device),
        threshold=options.threshold,
        ignore=options.ignore,
        out=options.out,
        files=tuple(one for one in FILES if f"{one}s" in kinds),
        threads=max(1, torch.get_num_threads() // options.workers),
    )


def device_named(name: str) -> str:
    """auto: a GPU if there is one, and another one for each process of a machine. Raises ValueError for no device."""
    if name == "auto":
        count = torch.cuda.device_count()
        return f"cuda:{number_on_node() % count}" if count else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        line = str(error).partition("\n")[0]
        raise ValueError(f"--device {printable(name)}: {line}: take cpu or auto") from error
    if torch.device(name).type == "meta":
        raise ValueError("--device meta holds no numbers: take cpu or auto")
    return name


def settings_of(predictor: Predictor, source: Inputs) -> dict[str, Any]:
    """What decides the answer on a photograph, and where its name begins."""
    pooled = predictor.pooled
    return {
        **predictor.inspector.identity,
        "threshold": predictor.threshold if pooled is None else f"p <= {pooled.threshold:.6g}",
        "ignore": digest_of_mask(predictor.task.ignore),
        "root": root_of(source),
        ABOUT: about(predictor),
    }


def begun(predictor: Predictor, part: Part, total: int | None) -> str:
    """What the command is about to do, and what its decisions promise, a line for each."""
    inspector = predictor.inspector
    why = " ".join(promise(predictor, UNTIL))
    where = f"part {part.number + 1} of {part.of}: " if part.of > 1 else ""
    photographs = "new photographs" if total is None else counted(total, "photograph")
    work = f"{photographs} on {predictor.task.device}, column {inspector.column}"
    if (pooled := predictor.pooled) is not None:
        return f"{where}{work}; p of at most {pooled.threshold:.4g} is defective\n{why}"
    return f"{where}{work}; a score above {predictor.threshold:.6g} is defective\n{why}"
