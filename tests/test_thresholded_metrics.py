"""AUPIMO, F1 and recall at a threshold: equal to counting by hand in numpy, and to scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
from sklearn.metrics import f1_score, recall_score
from torch import Tensor

from renormal.functional.bins import BINS, fine_bins, fine_edge
from renormal.metrics import Alarm, exceeded_bin
from renormal.metrics.detection import Detection
from renormal.metrics.image_overlap import ImageOverlap
from several import spawn

SIDE, GOOD, BAD = 160, 8, 5
DRAWN = torch.Generator().manual_seed(0)
REGIONS = torch.zeros(GOOD + BAD, SIDE, SIDE, dtype=torch.long)
for place in range(BAD):
    REGIONS[GOOD + place, 20 : 40 + 9 * place, 30:60] = 1
    REGIONS[GOOD + place, 100:120, 100 : 104 + place] = 2
NOISE = torch.randn(REGIONS.shape, generator=DRAWN)
STRENGTH = torch.cat([torch.zeros(GOOD), torch.linspace(1, 6, BAD)])[:, None, None] * (REGIONS > 0)
MAPS = {
    "like dssim": torch.sigmoid(NOISE + STRENGTH - 3),
    "unbounded": torch.exp(NOISE + STRENGTH),
    "tiny": torch.exp(NOISE + STRENGTH) * 1e-9,
    "coarse": (torch.exp(NOISE + STRENGTH) * 4).round(),
}


def overlap_of(maps: Tensor, regions: Tensor, order: Tensor | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    metric = ImageOverlap()
    for batch in torch.arange(len(maps)).split(4) if order is None else order.split(3):
        metric.update(maps[batch], regions[batch])
    return metric.compute(), metric.undefined


def brute_aupimo(maps: Tensor, regions: Tensor) -> float:
    """One threshold at a time, from the highest: recall inside each image, as a polyline over log FPR."""
    scores, masks = maps.double().numpy(), regions.numpy() > 0
    good, bad = scores[~masks.any((1, 2))], [one[mask] for one, mask in zip(scores, masks, strict=True) if mask.any()]
    low, high = np.log(1e-5), np.log(1e-4)
    thresholds = np.unique(scores)[::-1]
    normal = np.sort(good.ravel())
    rates = 1 - np.searchsorted(normal, thresholds) / len(normal)
    kept = (rates > 0) & (rates < 1e-3)
    areas = []
    for pixels in bad:
        recall = 1 - np.searchsorted(np.sort(pixels), thresholds) / len(pixels)
        x, y = np.log(rates[kept]), recall[kept]
        inside = (low < x) & (x < high)
        ends = [np.interp(bound, x, y) for bound in (low, high)]
        areas.append(np.trapezoid([ends[0], *y[inside], ends[1]], [low, *x[inside], high]) / (high - low))
    return float(np.mean(areas))


def sampled_aupimo(maps: Tensor, regions: Tensor) -> float:
    """As anomalib does it: thresholds at equal distances between the lowest and the highest score of good images."""
    scores, masks = maps.double().numpy(), regions.numpy() > 0
    good = np.sort(scores[~masks.any((1, 2))].ravel())
    thresholds = np.linspace(good[0], good[-1], 300_000)
    rates = 1 - np.searchsorted(good, thresholds) / len(good)
    last, first = (int(np.abs(rates - bound).argmin()) for bound in (1e-5, 1e-4))
    part = slice(first, last + 1)
    areas = []
    for one, mask in zip(scores, masks, strict=True):
        if mask.any():
            recall = 1 - np.searchsorted(np.sort(one[mask]), thresholds[part]) / mask.sum()
            areas.append(np.trapezoid(recall[::-1], np.log(rates[part])[::-1]) / np.log(10))
    return float(np.mean(areas))


@pytest.mark.parametrize("name", ["like dssim", "unbounded", "tiny"])
def test_aupimo_equals_counting_threshold_by_threshold(name: str) -> None:
    values, undefined = overlap_of(MAPS[name], REGIONS)
    assert not undefined
    assert 0.2 < values["aupimo"] < 0.9
    assert values["aupimo"] == pytest.approx(brute_aupimo(MAPS[name], REGIONS), abs=2e-3)  # scores share bins
    assert values["aupimo"] == pytest.approx(sampled_aupimo(MAPS[name], REGIONS), abs=0.03)  # its bounds are rounded


def test_aupimo_of_scores_in_few_bins_is_exact() -> None:
    """Scores that are bins already: nothing is rounded."""
    maps = torch.tensor([fine_edge(int(index)) for index in fine_bins(MAPS["like dssim"]).unique()])
    maps = maps[torch.searchsorted(maps, MAPS["like dssim"].flatten(), right=True) - 1].view(REGIONS.shape)
    assert overlap_of(maps, REGIONS)[0]["aupimo"] == pytest.approx(brute_aupimo(maps, REGIONS), abs=1e-9)


def test_aupimo_by_hand() -> None:
    """10⁶ normal pixels: the highest 5 at score 9, 5 more at 8, 90 more at 7, the rest at 0. A defect of four pixels at
    10, 8.5, 7.5 and 7: recall ¼ above 9, ½ above 8, ¾ above 7, 1 with 7."""
    normal = torch.zeros(1, 1000, 1000)
    normal.view(-1)[:100] = torch.cat([torch.full((5,), 9.0), torch.full((5,), 8.0), torch.full((90,), 7.0)])
    defect, mask = torch.zeros(1, 1000, 1000), torch.zeros(1, 1000, 1000).long()
    defect.view(-1)[:4], mask.view(-1)[:4] = torch.tensor([10, 8.5, 7.5, 7]), 1
    values, _ = overlap_of(torch.cat([normal, defect]), torch.cat([torch.zeros_like(mask), mask]))
    assert values["aupimo"] == pytest.approx((0.75 + 1) / 2)  # from FPR 1e-5, with score 8, to 1e-4, with score 7


def test_a_perfect_map_has_aupimo_1_and_a_blind_one_0() -> None:
    maps = NOISE.abs() + 100 * (REGIONS > 0)
    assert overlap_of(maps, REGIONS)[0]["aupimo"] == 1
    assert overlap_of(NOISE.abs() * (REGIONS == 0), REGIONS)[0]["aupimo"] == 0


def test_aupimo_does_not_depend_on_order_and_batches() -> None:
    order = torch.randperm(len(REGIONS), generator=DRAWN)
    assert overlap_of(MAPS["unbounded"], REGIONS, order) == overlap_of(MAPS["unbounded"], REGIONS)  # to the last bit


def test_an_image_without_a_mask_is_left_out_of_aupimo() -> None:
    regions = REGIONS.clone()
    regions[-1] = -1
    assert overlap_of(MAPS["unbounded"], regions) == overlap_of(MAPS["unbounded"][:-1], REGIONS[:-1])


@pytest.mark.parametrize(
    ("maps", "regions", "reason"),
    [
        (
            MAPS["tiny"][GOOD - 1 :],
            REGIONS[GOOD - 1 :],
            "25600 pixels of good images, an FPR of 1e-05 needs 100000",
        ),
        (MAPS["unbounded"][GOOD:], REGIONS[GOOD:], "only defective images were tested"),
        (MAPS["unbounded"][:GOOD], REGIONS[:GOOD], "only good images were tested"),
        (MAPS["unbounded"], -(REGIONS > 0).long(), "no defective image has a mask"),
        (torch.ones_like(NOISE), REGIONS, "204800 of 204800 pixels of good images have the highest score"),
    ],
)
def test_aupimo_that_cannot_be_measured_is_left_out_with_its_reason(maps: Tensor, regions: Tensor, reason: str) -> None:
    assert overlap_of(maps, regions) == ({}, {"aupimo": reason})


KINDS = ["good"] * GOOD + ["bent", "bent", "cut", "cut", "cut"]


def detected(
    maps: Tensor, regions: Tensor, kinds: list[str], alarm: Alarm, batches: list[Tensor] | None = None
) -> dict[str, float]:
    metric = Detection(alarm, sorted({*kinds} - {"good"}))
    for batch in batches or [torch.arange(len(maps))]:
        metric.update(maps[batch], regions[batch], [kinds[index] for index in batch])
    return {name: value.item() for name, value in metric.compute().items()} | {"why": metric.undefined}  # type: ignore[dict-item]


@pytest.mark.parametrize("name", MAPS)
def test_f1_and_recall_equal_scikit_learn(name: str) -> None:
    maps, truth = MAPS[name], REGIONS > 0
    counts = torch.bincount(fine_bins(maps[:GOOD]).flatten(), minlength=BINS)
    alarm = Alarm(exceeded_bin(counts, 0.01), float(maps[:GOOD].max()))
    pixels, images = maps >= fine_edge(alarm.bin), maps.amax((1, 2)) > alarm.image
    values = detected(maps, REGIONS, KINDS, alarm, list(torch.arange(len(maps)).split(3)))
    assert values.pop("why") == {}
    expected = {
        "f1": f1_score(truth.flatten(), pixels.flatten()),
        "image_f1": f1_score(truth.flatten(1).any(1), images),
    }
    for kind in ("bent", "cut"):
        own = [index for index, other in enumerate(KINDS) if other == kind]
        expected[f"recall/{kind}"] = recall_score(truth[own].flatten(), pixels[own].flatten())
        expected[f"image_recall/{kind}"] = images[own].double().mean().item()
    assert values == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3])
@pytest.mark.parametrize("name", MAPS)
def test_at_most_a_share_of_normal_pixels_reaches_the_threshold_and_no_lower_bin_would_do(
    name: str, share: float
) -> None:
    normal = MAPS[name][:GOOD].flatten()
    found = exceeded_bin(torch.bincount(fine_bins(normal), minlength=BINS), share)
    assert (normal >= fine_edge(found)).double().mean() <= share
    assert (fine_bins(normal) >= found - 1).double().mean() > share


def test_defects_without_masks_have_a_recall_of_images_alone() -> None:
    maps, regions = torch.tensor([1.0, 5, 5, 2])[:, None, None].repeat(1, 2, 2), torch.tensor([0, -1, -1, -1])
    values = detected(maps, regions[:, None, None].repeat(1, 2, 2), ["good", "a", "b", "b"], Alarm(0, 3.0))
    assert values == {
        "image_f1": pytest.approx(2 * 2 / (2 * 2 + 0 + 1)),
        "image_recall/a": 1.0,
        "image_recall/b": 0.5,
        "why": {"f1": "no defective image has a mask"},
    }


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (["good", "good"], dict.fromkeys(["f1", "image_f1"], "only good images were tested")),
        (
            ["a", "a"],
            {
                "f1": "the masks cover every pixel and no good image was tested",
                "image_f1": "only defective images were tested",
            },
        ),
    ],
)
def test_f1_without_its_two_classes_is_left_out_with_its_reason(kinds: list[str], why: dict[str, str]) -> None:
    regions = torch.full((2, 3, 3), int(kinds[0] != "good"))
    values = detected(torch.rand(2, 3, 3), regions, kinds, Alarm(0, 0.0))
    assert values["why"] == why
    assert not {"f1", "image_f1"} & values.keys()


def rank_main(rank: int, folder: str) -> None:
    """What one of two processes does: rank 1 has no image, or every second one."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    results = []
    for mine in (torch.arange(len(REGIONS))[rank::2], torch.arange(0 if rank else len(REGIONS))):
        overlap, detection = ImageOverlap(), Detection(Alarm(400_000, 5.0), ["bent", "cut"])
        if len(mine):
            overlap.update(MAPS["unbounded"][mine], REGIONS[mine])
            detection.update(MAPS["unbounded"][mine], REGIONS[mine], [KINDS[index] for index in mine])
        results.append(overlap.compute() | detection.compute())
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path: Path) -> None:
    spawn(2, rank_main, str(tmp_path))
    alone = detected(MAPS["unbounded"], REGIONS, KINDS, Alarm(400_000, 5.0))
    alone |= {name: value.item() for name, value in overlap_of(MAPS["unbounded"], REGIONS)[0].items()}
    alone.pop("why")
    for rank in range(2):
        for result in torch.load(tmp_path / f"{rank}.pt"):
            assert {name: value.item() for name, value in result.items()} == alone
