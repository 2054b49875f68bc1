"""Pixel and image metrics: equal to scikit-learn and to counting by hand, whatever the batching, order and split."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score
from torch import Tensor

from renormal.functional.bins import fine_bins
from renormal.metrics import METRICS, PIXEL_METRICS, AnomalyMetrics, best_bin
from renormal.metrics.overlap import aupro, shares
from several import spawn


def blobs(images: int = 24, size: int = 40) -> Tensor:
    """Two rectangles in most images, of different size; every fourth image is good."""
    regions = torch.zeros(images, size, size, dtype=torch.long)
    for index in range(images):
        if index % 4:
            regions[index, 4 : 8 + index % 5, 6:14] = 1
            regions[index, 20:36, 20 : 28 + index % 7] = 2
    return regions


REGIONS = blobs()
DEFECT = (REGIONS > 0).float()
NOISE = torch.randn(REGIONS.shape, generator=torch.Generator().manual_seed(0))
MAPS = {
    "squared errors near 0": NOISE**2 * 1e-4 * (1 + 1.5 * DEFECT),
    "tiny": NOISE.abs() * (1 + DEFECT) * 1e-35,
    "dssim": torch.sigmoid(NOISE + 1.5 * DEFECT),
    "above 1": torch.exp(10 * NOISE + 3 * DEFECT),
    "ties": ((NOISE + DEFECT).abs() * 3).round(),
    "mostly zero": torch.relu(NOISE + DEFECT - 1),
    "constant": torch.full_like(NOISE, 0.5),
}


def measured(
    maps: Tensor, regions: Tensor, batches: list[Tensor] | None = None, limits: tuple[float, ...] = ()
) -> dict[str, Tensor]:
    metrics = AnomalyMetrics(limits=limits)
    for batch in batches or [torch.arange(len(maps))]:
        metrics.update(maps[batch], regions[batch])
    return metrics.compute()


@pytest.mark.parametrize("name", MAPS)
def test_equal_to_scikit_learn_on_scores_of_any_range(name: str) -> None:
    maps, truth = MAPS[name], (REGIONS > 0).flatten().numpy()
    scores = maps.flatten().double().numpy()
    values = measured(maps, REGIONS)
    precision, recall, _ = precision_recall_curve(truth, scores)
    f1 = (2 * precision * recall / (precision + recall + 1e-300)).max()
    images = roc_auc_score((REGIONS > 0).flatten(1).any(1).numpy(), maps.amax((1, 2)).numpy())
    assert values["pixel_auroc"] == pytest.approx(roc_auc_score(truth, scores), abs=2e-5)
    assert values["average_precision"] == pytest.approx(average_precision_score(truth, scores), abs=1e-4)
    assert values["best_f1"] == pytest.approx(f1, abs=5e-4)
    assert values["image_auroc"] == pytest.approx(images, abs=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_the_bin_of_the_best_f1_is_a_threshold_that_reaches_it(name: str) -> None:
    metrics = AnomalyMetrics()
    metrics.update(MAPS[name], REGIONS)
    found = fine_bins(MAPS[name]) >= best_bin(*metrics.counts)
    reached = f1_score((REGIONS > 0).flatten().numpy(), found.flatten().numpy())
    assert reached == pytest.approx(metrics.compute()["best_f1"].item(), abs=1e-12)


def brute_aupro(maps: Tensor, regions: Tensor, limit: float = 0.3) -> float:
    """One threshold at a time, one region at a time."""
    points = [(0.0, 0.0)]
    for threshold in maps.unique().flip(0):
        hit = maps >= threshold
        overlaps = [
            hit[index][regions[index] == number].double().mean()
            for index in range(len(maps))
            for number in regions[index].unique()
            if number > 0
        ]
        points.append((float(hit[regions == 0].double().mean()), float(torch.stack(overlaps).mean())))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 >= limit:
            break
        end = y1 if x1 <= limit else y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (min(x1, limit) - x0) * (y0 + end) / 2
    return area / limit


@pytest.mark.parametrize("name", ["ties", "coarse dssim", "constant"])
def test_aupro_equals_counting_by_thresholds_and_regions(name: str) -> None:
    maps = (MAPS["dssim"] * 25).round() / 25 if name == "coarse dssim" else MAPS[name]
    values = measured(maps, REGIONS, limits=(0.05, 0.9))
    for name, limit in {"aupro": 0.3, "aupro_0.05": 0.05, "aupro_0.9": 0.9}.items():
        assert values[name] == pytest.approx(brute_aupro(maps, REGIONS, limit), abs=1e-6)


def test_aupro_by_hand() -> None:
    """Regions of 1 and 2 pixels, 10 normal ones. Descending scores: 4 finds the small region, 3 one false pixel,
    2 half of the large region, 1 four more false pixels, 0 the rest: points (0, ½) (.1, ½) (.1, ¾) (.5, ¾)."""
    maps = torch.tensor([[[4.0, 3, 2, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]]])
    regions = torch.tensor([[[1, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]]])
    assert measured(maps, regions)["aupro"] == pytest.approx((0.1 * 0.5 + 0.2 * 0.75) / 0.3, abs=1e-9)


def test_aupro_limit_between_two_points_is_interpolated() -> None:
    negatives, overlap = torch.tensor([4, 6, 0]), torch.tensor([2, 2, 0])  # one segment from (0, 0) to (.6, .5)
    assert aupro(negatives, overlap) == pytest.approx(0.3 * 0.25 / 2 / 0.3)


def test_shares_of_a_region_sum_to_one_region() -> None:
    assert shares(REGIONS).sum() / 2**40 == pytest.approx(36, abs=1e-6)  # 18 images with two regions each


@pytest.mark.parametrize("size", [1, 5, 24])
def test_any_partition_and_order_give_identical_results(size: int) -> None:
    maps = MAPS["dssim"]
    whole = measured(maps, REGIONS)
    order = torch.randperm(len(maps), generator=torch.Generator().manual_seed(size))
    assert measured(maps, REGIONS, list(order.split(size))) == whole  # to the last bit


def test_a_defect_without_mask_counts_only_as_an_image() -> None:
    maps, regions = MAPS["dssim"], REGIONS.clone()
    unknown = torch.tensor([1, 2, 3])
    known = torch.tensor([index for index in range(len(maps)) if index not in (1, 2, 3)])
    regions[unknown] = -1
    values, without = measured(maps, regions), measured(maps[known], regions[known])
    assert all(values[name] == without[name] for name in PIXEL_METRICS)
    assert values["image_auroc"] == measured(maps, REGIONS)["image_auroc"]


def whole(*kinds: int) -> Tensor:
    """One image of each kind: 0 good, 1 with a mask that covers all of it, −1 defective without a mask."""
    return torch.tensor(kinds)[:, None, None].repeat(1, 4, 4)


@pytest.mark.parametrize(
    ("regions", "undefined"),
    [
        (whole(0, 0), dict.fromkeys(METRICS, "only good images were tested")),
        (whole(0, -1), dict.fromkeys(PIXEL_METRICS, "no defective image has a mask")),
        (
            whole(-1, -1),
            dict.fromkeys(PIXEL_METRICS, "no defective image has a mask")
            | {"image_auroc": "only defective images were tested"},
        ),
        (
            whole(1, 1),
            dict.fromkeys(PIXEL_METRICS, "the masks cover every pixel and no good image was tested")
            | {"image_auroc": "only defective images were tested"},
        ),
        (whole(0, 1), {}),
        (REGIONS[1:3], {"image_auroc": "only defective images were tested"}),
    ],
)
def test_a_metric_without_its_two_classes_is_left_out_with_its_reason(
    regions: Tensor, undefined: dict[str, str]
) -> None:
    metrics = AnomalyMetrics()
    metrics.update(torch.rand(regions.shape), regions)
    values = metrics.compute()
    assert metrics.undefined == undefined
    assert set(values) == set(METRICS) - set(undefined)


@pytest.mark.parametrize(
    ("maps", "regions", "message"),
    [
        (torch.tensor([[[0.0, float("nan")]]]), torch.zeros(1, 1, 2).long(), r"finite and >= 0, got \[nan"),
        (torch.tensor([[[0.0, float("inf")]]]), torch.zeros(1, 1, 2).long(), r"got \[0, inf\]"),
        (torch.tensor([[[0.5, -0.25]]]), torch.zeros(1, 1, 2).long(), r"got \[-0\.25, 0\.5\]"),
        (torch.rand(1, 2, 2), torch.zeros(1, 2, 3).long(), r"\(1, 2, 2\) and \(1, 2, 3\)"),
        (torch.rand(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).long(), r"must both be \(B, H, W\)"),
        (torch.rand(1, 2, 2), torch.full((1, 2, 2), -2), "got -2"),
        (torch.rand(1, 2, 2), torch.zeros(1, 2, 2), "must be integers.*float32: give masks.long"),
        (torch.rand(1, 2, 2), torch.zeros(1, 2, 2).bool(), r"must be integers.*bool: give masks\.long\(\), which"),
        (torch.zeros(1, 2, 2).long(), torch.zeros(1, 2, 2).long(), "floating point, got torch.int64"),
    ],
)
def test_bad_input_is_refused_with_its_value(maps: Tensor, regions: Tensor, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        AnomalyMetrics().update(maps, regions)


def test_usable_outside_and_inside_inference_mode() -> None:
    metrics = AnomalyMetrics()
    with torch.inference_mode():
        metrics.reset()
        metrics.update(MAPS["dssim"][:10], REGIONS[:10])
    metrics.update(MAPS["dssim"][10:], REGIONS[10:])
    assert metrics.compute() == measured(MAPS["dssim"], REGIONS)


SPLITS = (3, 20, 24)  # images of rank 0; the last leaves none to rank 1


def rank_main(rank: int, folder: str) -> None:
    """What one of two processes does."""
    torch.set_num_threads(1)  # the result must not depend on it
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    results = []
    for split in SPLITS:
        mine = torch.arange(split) if rank == 0 else torch.arange(split, len(REGIONS))
        metrics = AnomalyMetrics()
        if len(mine):
            metrics.update(MAPS["dssim"][mine], REGIONS[mine])
        results.append(metrics.compute())
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_with_an_uneven_split_equal_one(tmp_path: Path) -> None:
    spawn(2, rank_main, str(tmp_path))
    whole = [measured(MAPS["dssim"], REGIONS)] * len(SPLITS)
    assert [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)] == [whole, whole]
