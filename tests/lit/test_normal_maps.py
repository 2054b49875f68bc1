"""Thresholds and colour scales from normal images: quantiles as numpy has them, and no label of the test is read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tested import after_test, callback_of, data_of

from renormal.data import hold_out
from renormal.functional.bins import fine_edge
from renormal.lit.normal_maps import Counting, NormalMaps, normal_batches


@pytest.mark.parametrize("size", [1.0, 1e-6, 300.0])
def test_thresholds_and_scale_are_quantiles_of_normal_pixels(size: float) -> None:
    maps = size * torch.rand(20, 50, 50, generator=torch.Generator().manual_seed(0)) ** 2
    counts = NormalMaps()
    for part in maps.split(7):
        counts.add(part)
    counts.gather(torch.device("cpu"))
    pixels, images = maps.flatten().numpy(), np.sort(maps.amax((1, 2)).numpy())
    assert fine_edge(counts.alarm(0.05).bin) == pytest.approx(np.quantile(pixels, 0.95), rel=2e-3)
    assert counts.limit == pytest.approx(2 * images[-1])
    assert counts.alarm(0.1).image == images[-3]  # 2 of 20 images exceed it
    assert counts.alarm(0.01).image == images[-1]  # none may


def test_maps_that_are_0_everywhere_have_a_scale() -> None:
    counts = NormalMaps()
    counts.add(torch.zeros(2, 4, 4))
    assert counts.limit > 0


@pytest.mark.parametrize(("top", "limit"), [(math.inf, 1.5), (1.0, 1.0), (2.0, 1.5)])
def test_no_scale_ends_beyond_what_the_score_can_reach(top: float, limit: float) -> None:
    """DSSIM, at most 1, had a scale to 1.6: every picture was darker than it needs to be."""
    counts = NormalMaps(top=top)
    counts.add(torch.full((1, 4, 4), 0.75))
    assert counts.limit == limit


def test_held_out_images_come_first_and_ranks_share_them(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    trained = [item.image.as_posix() for item in data.source.train]
    assert [path for batch in normal_batches(data, 99, 0, 1) for path in batch.path] == trained
    few = [path for batch in normal_batches(data, 2, 0, 1) for path in batch.path]
    assert few == [trained[0], trained[-1]]
    dealt = [[path for batch in normal_batches(data, 99, rank, 2) for path in batch.path] for rank in range(2)]
    assert dealt == [trained[::2], trained[1::2]]
    data.source = hold_out(data.source, 3)
    assert [path for batch in normal_batches(data, 99, 0, 1) for path in batch.path] == trained[2::3]


def test_without_normal_images_there_is_no_threshold_and_everything_else_stays(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    found, without = callback_of(), callback_of(counting=Counting(normal_images=0))
    for callback in (found, without):
        after_test(data, callback)
    assert without.found.maps == {}
    assert {"baseline/f1", "eq8/image_recall/broken_large"} <= found.metrics.keys()
    kept = {name: value for name, value in found.metrics.items() if name in without.metrics}
    assert kept == without.metrics
    assert not any("/f1" in name or "recall/" in name for name in without.metrics)
