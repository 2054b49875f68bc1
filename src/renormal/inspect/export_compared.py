"""How far an exported graph is from the same steps in torch, and from the job's own recipe."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import NamedTuple

from torch import Tensor

from renormal.contracts import Images
from renormal.inspect.export_files import Run
from renormal.inspect.inspector import Inspector
from renormal.inspect.unrolled import unrolled
from renormal.metrics import highest


class Difference(NamedTuple):
    """Largest differences between the graph and the same steps in torch, and seconds an image of both.

    recipe: the largest difference of the score to that of the job's own recipe: its precision, its number of steps.
    """

    map: float
    score: float
    recipe: float
    graph_seconds: float
    own_seconds: float


def compared(inspector: Inspector, run: Run, images: Sequence[Images], steps: int) -> Generator[str, None, Difference]:
    """A line before each image; returns the largest differences and the mean seconds."""
    found = list[Difference]()
    for number, image in enumerate(images, start=1):
        yield f"comparing photograph {number} of {len(images)}"
        found.append(measured(inspector, run, image, steps))
    maps, scores, recipes, graph, own = zip(*found, strict=True)
    return Difference(max(maps), max(scores), max(recipes), sum(graph) / len(images), sum(own) / len(images))


def measured(inspector: Inspector, run: Run, image: Images, steps: int) -> Difference:
    """How far the graph's map and score are from those of the same steps in torch, on one image."""
    seconds, outputs = list[float](), list[list[Tensor]]()
    for function in (run, unrolled(inspector, steps)):
        start = time.perf_counter()
        outputs.append([one.detach() for one in function(image)])
        seconds.append(time.perf_counter() - start)
    (map_, score, *_), (own_map, own_score, *_) = outputs
    apart = score - own_score, score - highest(inspector.maps(image)[1])
    return Difference(*(float(one.abs().max()) for one in (map_ - own_map, *apart)), *seconds)
