"""Numbers, curves and overlays of a test for the boards, from the fields of the projection callback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from renormal.boards.board import Overlay, Region
from renormal.boards.traces import traced
from renormal.contracts import Images
from renormal.functional.bins import BINS
from renormal.functional.tiles import cut
from renormal.lit.batches import channels_last
from renormal.lit.captions import Pixels
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import first_of_each_defect
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.samples import tile_with_most_defect
from renormal.metrics import best_bin


class Panel(NamedTuple):
    """A panel that was drawn, with the bins of its map and the regions of its defects."""

    projection: str
    path: str
    bins: Tensor
    regions: Tensor


def numbers(test: ProjectionCallback) -> Iterator[tuple[str, float]]:
    """(name, value) of every metric, and of every number in the report of a descent."""
    yield from ((f"test/{name}", value) for name, value in test.metrics.items())
    for method, run in test.runs.items():
        found = run.report.values().items()
        yield from ((f"test/{method}/{name}", value) for name, value in found if value is not None)


def aurocs(test: ProjectionCallback) -> dict[str, list[float]]:
    """Curve name → pixel AUROC after each iteration, for projections with a curve and images with masks."""
    found = {name: run.curve.values() for name, run in test.runs.items() if run.curve is not None}
    return {
        f"test/{name}/iterations/pixel_auroc": values["pixel_auroc"]
        for name, values in found.items()
        if "pixel_auroc" in values
    }


def traces(
    test: ProjectionCallback, data: SourceData, module: AutoencoderModule, *, names: Sequence[str], samples: int
) -> dict[str, list[float]]:
    """Curve name → mean E or L_r after each iteration. The first `samples` images are projected a second time."""
    if not samples or not names:
        return {}
    x0 = channels_last(followed(data, samples, test.scoring.stride), module.device)
    curves: dict[str, list[float]] = {}
    for name in names:
        values = traced(module.model, x0, test.networks[0].descents[name])
        curves |= {f"test/{name}/iterations/{term}": means for term, means in values.items()}
    return curves


def followed(data: SourceData, samples: int, stride: int) -> Images:
    """The first samples of each defect, alternating; of an image in tiles, the tile with the most defective pixels."""
    chosen = first_of_each_defect(data.test.defects, data.test.paths, samples)
    rows = [data.test.paths.index(path) for path in chosen]
    images, regions = data.test.images[rows].float() / 255, data.test.regions[rows]
    tiles = cut(images, data.patch_size, stride)
    best = tile_with_most_defect(cut(regions, data.patch_size, stride), len(rows))
    return tiles.view(len(rows), -1, *tiles.shape[1:])[torch.arange(len(rows)), best]  # (B·T, …) → (B, …)


def overlays(test: ProjectionCallback, panels: Sequence[Panel]) -> dict[str, list[Overlay]]:
    """Projection → overlays. `found` marks the pixels above the threshold that normal images gave."""
    scores, files = {row["path"]: row for row in test.rows}, pictures(test)
    found: dict[str, list[Overlay]] = {}
    for name, path, bins, regions in panels:
        strip = np.asarray(Image.open(files[f"{name}/picture"][path]).convert("RGB"))
        truth, above = (_placed(mask, strip) for mask in (regions > 0, bins >= _least_bin(test, name)))
        caption = f"{path}, score {scores[path][f'{name}/score']:.3f}"
        found.setdefault(name, []).append(Overlay(strip, truth, above, caption))
    return found


def pictures(test: ProjectionCallback) -> dict[str, dict[str, Path]]:
    """`<projection>/picture` → path of the photograph → file of its panel."""
    found: dict[str, dict[str, Path]] = {}
    if test.panels is not None:
        for entry in test.panels.entries:
            file = test.panels.drawing.folder / entry["file"]
            found.setdefault(f"{entry['projection']}/picture", {})[entry["path"]] = file
    return found


def _least_bin(test: ProjectionCallback, name: str) -> int:
    """Without normal images: the threshold of the best F1, or nothing is found where that is not defined."""
    counter = test.counters[name]
    if counter.detection is not None:
        return counter.detection.alarm.bin
    negatives, positives = counter.anomaly.counts.cpu()
    return best_bin(negatives, positives) if positives.any() and negatives.any() else BINS


def _placed(mask: Tensor, strip: Pixels) -> Region:
    """The mask in the size of the strip, placed over its first picture, x0."""
    region = np.zeros(strip.shape[:2], dtype=np.uint8)
    region[: mask.shape[0], : mask.shape[1]] = mask.numpy()
    return region
