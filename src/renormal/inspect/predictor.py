"""From photographs to lines: reading and writing in threads beside the network, in one process or in several."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import file_digest
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

from renormal.console.text import printable
from renormal.contracts import Maps
from renormal.data.images import converted, flattened
from renormal.data.opening import check_file, strict_pillow
from renormal.data.source import DataError
from renormal.inspect.folds import Pooled
from renormal.inspect.ignored import Ignored, read_ignored
from renormal.inspect.inputs import Item, result_name
from renormal.inspect.load import inspector_of
from renormal.inspect.photographs import Photograph, decoded, photograph
from renormal.inspect.pictures import defects_of, overlay, without_small, write_picture
from renormal.inspect.predictions import Line
from renormal.inspect.stored import one_line
from renormal.lit.areas import scores_from

READERS, WRITERS = 2, 2  # threads of a process, ours: each may hold a photograph of full size
LARGE = 2**24  # pixels, ours: of such photographs one at a time is in memory at full size
NAMES = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)  # faults of one photograph's name
Lines = list[tuple[Item, Line | None]]  # None: what was predicted before holds


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process needs to answer. files: of overlay, mask, map. threads: of torch."""

    run: Path
    trust: tuple[str, ...]
    column: str | None
    rate: float
    device: str
    threshold: float | None
    ignore: Path | None
    out: Path
    files: tuple[str, ...]
    threads: int


class Seen:
    """A photograph that was read, its digest, and what it has become. Without `photo` it was kept, or is at fault."""

    def __init__(self, item: Item, sha256: str = "", photo: Photograph | None = None, error: str = "") -> None:
        self.item, self.sha256, self.photo, self.error = item, sha256, photo, error


class Predictor:
    """Answers of one process."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        self.task, given = task, task.threshold
        self.inspector = inspector_of(task.run, task.trust, column=task.column, rate=task.rate, device=task.device)
        self.frame, self.decision = self.inspector.frame, self.inspector.decision
        self.pooled = self.decision if isinstance(self.decision, Pooled) and given is None else None
        self.threshold = self.decision.scale if given is None else given
        self.ignored: Ignored | None = None
        if task.ignore is not None:
            with strict_pillow():
                self.ignored = read_ignored(task.ignore, self.frame)
        self.area = self.inspector.area
        self.large = threading.Lock()

    @property
    def at_a_time(self) -> int:
        """Photographs that fill the network's calls on all threads."""
        return self.inspector.at_a_time * (self.task.threads if self.task.device == "cpu" else 1)

    def lines(self, chunks: Iterable[Sequence[Item]]) -> Iterator[Lines]:
        """The lines of each chunk, in order. The next chunk is read, and the one before written, beside the network."""
        coming: deque[list[Future[Seen]]] = deque()
        leaving: deque[list[tuple[Item, Future[Line | None]]]] = deque()
        with strict_pillow(), ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
            for chunk in chunks:
                coming.append([readers.submit(self._seen, item) for item in chunk])
                if len(coming) > 1:
                    leaving.append(self._answered(coming.popleft(), writers))
                if len(leaving) > 1:
                    yield [(item, line.result()) for item, line in leaving.popleft()]
            leaving.extend(self._answered(part, writers) for part in coming)
            yield from ([(item, line.result()) for item, line in part] for part in leaving)

    def _seen(self, item: Item) -> Seen:
        try:
            check_file(item.path, self.frame.max_pixels)
            with item.path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
            if digest == item.kept:
                return Seen(item)
            photo = photograph(item.path, self.frame)
            if self.ignored is not None:
                self.ignored.check(photo)
            return Seen(item, digest, photo)
        except (ValueError, OSError) as error:
            return Seen(item, error=str(error))

    def _answered(
        self, reading: list[Future[Seen]], writers: ThreadPoolExecutor
    ) -> list[tuple[Item, Future[Line | None]]]:
        """The network's part, and the lines as they will be once they are written."""
        seen = [one.result() for one in reading]
        read = [one for one in seen if one.photo is not None]
        maps = iter(self._maps([one.photo for one in read if one.photo is not None]))
        return [
            (one.item, writers.submit(self._line, one, *(next(maps) if one.photo is not None else (None, ()))))
            for one in seen
        ]

    def _maps(self, photos: list[Photograph]) -> list[tuple[Any, Any]]:
        """The maps of each photograph, one for each job, (size, size), and its scores."""
        if not photos:
            return []
        with one_line(f"{self.task.run}: its network cannot run"):
            every: list[Maps] = self.inspector.each(torch.cat([one.image for one in photos]))
        if self.ignored is not None:
            every = [self.ignored.cleared(maps) for maps in every]
        scores = [scores_from(maps, self.area).tolist() for maps in every]
        of_each = zip(*(maps.cpu().numpy() for maps in every), strict=True)
        return list(zip(of_each, zip(*scores, strict=True), strict=True))

    def _line(self, seen: Seen, values: Any, scores: Sequence[float]) -> Line | None:
        if seen.photo is None:
            return {"image": seen.item.name, "error": printable(seen.error)} if seen.error else None
        try:
            if not np.isfinite(scores).all():
                raise ValueError(f"{seen.item.path}: its score is not finite: repeat the job with a smaller step_size")
            with self.large if seen.photo.width * seen.photo.height > LARGE else nullcontext():
                return self._written(seen, seen.photo, values, scores)
        except OSError as error:
            if error.errno not in NAMES:
                raise
            return {"image": seen.item.name, "error": printable(f"{seen.item.path}: {error.strerror}")}
        except ValueError as error:
            return {"image": seen.item.name, "error": printable(str(error))}

    def _written(self, seen: Seen, photo: Photograph, small: Sequence[Any], scores: Sequence[float]) -> Line:
        """Write the files. A defective photograph has a defect: where no pixel is above the threshold once the map has
        the photograph's size, the highest pixels are.
        """
        every, score = [self._own_size(photo, one) for one in small], float(np.mean(scores))
        values = every[0] if len(every) == 1 else np.mean(every, axis=0)
        p = float(self.decision.p(scores))
        defective = score > self.threshold if self.pooled is None else p <= self.pooled.threshold
        mask = self._mask(photo, small, every, values) & defective
        if defective and not mask.any():
            mask = values == values.max()
        threshold = self.threshold if self.pooled is None else None
        line: Line = {"image": seen.item.name, "score": score, "threshold": threshold, "p": p, "defective": defective}
        line |= {"defects": defects_of(mask), "width": photo.width, "height": photo.height, "sha256": seen.sha256}
        line |= {"grey": photo.grey}
        name = result_name(seen.item.name)
        for one in self.task.files:
            line[one] = f"{one}s/{name.removesuffix('.png')}.tif" if one == "map" else f"{one}s/{name}"
        if "map" in line:
            write_picture(self.task.out / line["map"], values)
        if "mask" in line:
            write_picture(self.task.out / line["mask"], mask.view(np.uint8) * np.uint8(255))
        if "overlay" in line:
            write_picture(self.task.out / line["overlay"], self._overlay(seen.item.path, photo, values, mask))
        return line

    def _mask(self, photo: Photograph, small: Sequence[Any], every: Sequence[Any], values: Any) -> Any:
        """Where the map is above the threshold; of several jobs where p is at most the one that is defective."""
        if self.pooled is not None:
            return self.pooled.p(every) <= self.pooled.threshold
        if self.area > 1 and len(small) == 1:
            values = self._own_size(photo, without_small(small[0], self.threshold, self.area))
        return values > self.threshold

    def _own_size(self, photo: Photograph, small: Any) -> Any:
        """A map on the photograph's pixels, 0 where it is ignored."""
        values = photo.at_own_size(small)
        return values if self.ignored is None else np.where(self.ignored.pixels, np.float32(0), values)

    def _overlay(self, path: Path, photo: Photograph, values: Any, mask: Any) -> Any:
        image = converted(flattened(decoded(path, self.frame), "white", path), "RGB", path)
        if image.size != (photo.width, photo.height):
            raise DataError(f"{path}: has changed while it was read; repeat the command")
        return overlay(np.array(image), values, mask, self.threshold)


class Processes:
    """As `Predictor`, in `count` processes, which end with the block. A few chunks more than those are under way."""

    def __init__(self, task: Task, count: int) -> None:
        self.count = count
        self.pool = ProcessPoolExecutor(count, get_context("spawn"), _start, (task,))

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def lines(self, chunks: Iterable[Sequence[Item]]) -> Iterator[Lines]:
        """As `Predictor.lines`."""
        under_way: deque[Future[Lines]] = deque()
        try:
            for chunk in chunks:
                under_way.append(self.pool.submit(_one_chunk, chunk))
                if len(under_way) > self.count + 2:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenExecutor as error:
            raise ValueError("a worker was killed, perhaps for want of memory: repeat with fewer --workers") from error


def _start(task: Task) -> None:
    """In a new process, which ends when the one that started it does, in whatever way that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them: the first process ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _process.append(Predictor(task))


_process: list[Predictor] = []  # of this process, if `_start` was called in it


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _one_chunk(chunk: Sequence[Item]) -> Lines:
    return next(_process[0].lines([chunk]))
