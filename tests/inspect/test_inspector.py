"""A finished job answers on photographs with the scores of its test, to the last digit."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from renormal import load as public_load
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import FinishedJob, load
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.lit.samples import written
from renormal.report.decide import conformal, needed

COMBINED = ["score=combined", "score.parts.msgms.scales=2", "score.parts.dssim.smooth.mean=3"]
WHITENED = ["+score@score.parts.whitened=msgms_whitened", "score.parts.whitened.of.scales=2"]
CASES = {
    "an object": ["category=bottle", "projection=[eq8_adam,eq8]"],
    "a texture": ["category=grid", "projection=[eq8]", "test.stride=16"],
    "tiles averaged": ["category=grid", "projection=[eq8]", "test.stride=16", "test.average=pixels"],
    "an object in tiles": [
        "category=bottle",
        "projection=[eq8]",
        "data.object_size=64",
        "data.object_tiles=true",
        "test.stride=16",
        "test.average=pixels",
        "score.smooth.share=0.1",
    ],
    "scores fitted to whole images": ["category=grid", "projection=[eq8]", "test.average=pixels", *COMBINED],
    "two sizes": [
        "experiment=choose",
        "choose.defects=2",
        "choose.holdout=2",
        "category=grid",
        "projection=[eq8]",
        "data.shrink=[1,2]",
        "test.average=pixels",
        *COMBINED,
    ],
    "all views": ["category=hazelnut", "projection=[eq8]", "test.flips=true"],
    "scores fitted to good images": ["category=bottle", "projection=[eq8]", *COMBINED],
    "a fitted score in a fitted score": ["category=bottle", "projection=[eq8]", *COMBINED, *WHITENED],
    "settings chosen": [
        "experiment=choose",
        "choose.defects=2",
        "choose.holdout=2",
        "projection=[eq8]",
        "category=cable",
    ],
    "images set apart": ["category=bottle", "projection=[eq8]", "test.holdout=3"],
    "crossed scores": ["projection=[eq8]", "+score@scores.squared_error=squared_error", "test.crossed=true"],
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def tested(request: pytest.FixtureRequest, small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The config and the folder of a finished job."""
    folder = tmp_path_factory.mktemp("tested") / "run"
    stages = "stages=[train,choose,test]" if "experiment=choose" in request.param else "stages=[train,test]"
    config = small(*request.param, stages, "test.normal_images=3", f"folder={folder}")
    run_job(config)
    return config, folder


def columns(job: FinishedJob) -> list[str]:
    return sorted({name.partition("/")[0] for name in job.record.metrics})


def scores_of(job: FinishedJob, column: str, paths: Sequence[Path]) -> list[float]:
    return [one.score for one in Inspector(job, column=column).inspect_all(paths)]


def test_each_column_has_the_scores_of_the_test(tested: tuple[Any, Path]) -> None:
    config, folder = tested
    job, source = load(folder), source_of(config)
    rows = {row["path"]: row for row in csv.DictReader((folder / "samples.csv").read_text().splitlines())}
    paths = [item.image for item in source.test]
    names = [path.relative_to(source.root).as_posix() for path in paths]
    assert columns(job)
    for column in columns(job):
        again = scores_of(job, column, paths)
        assert [written(score) for score in again] == [rows[name][f"{column}/score"] for name in names], column


def test_the_scores_of_good_images_are_equal_to_the_last_digit(tested: tuple[Any, Path]) -> None:
    config, folder = tested
    job, source = load(folder), source_of(config)
    good = [item.image for item in source.apart or source.spare or source.train]
    for column in columns(job):
        kept = job.record.inspection["good"][column]
        assert set(kept) <= set(scores_of(job, column, good)), column
        assert len(kept) == min(3, len(good))


def test_a_defect_has_the_area_that_the_test_counts(small: Any, tmp_path: Path) -> None:
    config = small("category=bottle", "projection=[eq8]", "test.area=9", "test.holdout=2", f"folder={tmp_path}")
    run_job(config)
    job, source = load(tmp_path), source_of(config)
    inspector = Inspector(job, column="baseline")
    answers = list(inspector.inspect_all([item.image for item in source.test]))
    assert all(one.score < one.map.max() for one in answers)
    assert len(source.apart) == len(job.record.inspection["good"]["baseline"]) == 3
    assert inspector.decision.threshold == max(job.record.inspection["good"]["baseline"])
    assert not {item.image for item in source.apart} & {item.image for item in source.train}
    assert inspector.decision.held_out


@pytest.fixture(scope="module")
def bottle(small: Any, tmp_path_factory: pytest.TempPathFactory) -> FinishedJob:
    folder = tmp_path_factory.mktemp("bottle") / "run"
    run_job(small("category=bottle", "projection=[eq8]", "test.normal_images=6", f"folder={folder}"))
    return load(folder)


def test_path_array_picture_and_tensor_have_one_answer(bottle: FinishedJob, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    photos = [tmp_path / "a.png", str(tmp_path / "a.png"), pixels, Image.fromarray(pixels), tensor, tensor[None] / 255]
    answers = [bottle.inspect(photo) for photo in photos]
    assert len({one.score for one in answers}) == 1
    assert answers[0].map.shape == (40, 60)
    assert answers[0].projected.shape == (32, 32, 3)
    assert answers[0].defective is (answers[0].score > answers[0].threshold)
    assert answers[0].mask.any() == (answers[0].map.max() > answers[0].threshold)


def test_a_map_lies_on_the_pixels_of_the_photograph(bottle: FinishedJob) -> None:
    source = Path(bottle.record.config["data"]["root"])
    good = np.asarray(Image.open(sorted(source.rglob("good/*.png"))[0]).convert("RGB").resize((160, 80)))
    damaged = good.copy()
    damaged[30:50, 100:120] = 255 - damaged[30:50, 100:120]  # right of the middle
    inspector = Inspector(bottle, column="baseline")
    change = inspector.inspect(damaged).map - inspector.inspect(good).map
    row, column = np.unravel_index(change.argmax(), change.shape)
    assert change.shape == (80, 160)
    assert 20 <= row < 60
    assert 80 < column < 140


def test_what_a_crop_leaves_out_has_no_map(bottle: FinishedJob) -> None:
    cropped = replace(bottle.record, data=bottle.record.data | {"fit": "crop"})
    job = FinishedJob(cropped, bottle.model, bottle.descents, bottle.folder)
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    answer = Inspector(job, column="baseline").inspect(photo)
    assert answer.map.shape == (40, 60)
    assert not answer.map[:, :10].any()
    assert not answer.map[:, 50:].any()
    assert answer.map[:, 10:50].any()


@pytest.mark.parametrize(
    ("photo", "line"),
    [
        (np.zeros((4, 4, 3)), "must be uint8, got float64"),
        (np.zeros((4, 4, 5), np.uint8), r"must be \(H, W\)"),
        (np.zeros((0, 4, 3), np.uint8), r"must be \(H, W\)"),
        (torch.full((3, 4, 4), 2.0), r"must lie in \[0, 1\]"),
        (torch.full((3, 4, 4), torch.nan), r"must lie in \[0, 1\]"),
        (torch.zeros(2, 3, 4, 4), r"must be \(C, H, W\)"),
        (Image.new("I", (4, 4)), "no known range"),
        (3, "got int"),
        ("nowhere.png", "nowhere.png"),
    ],
)
def test_what_is_no_photograph_is_one_line(bottle: FinishedJob, photo: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        bottle.inspect(photo)


def test_a_job_without_a_test_and_an_unknown_column_are_one_line(bottle: FinishedJob) -> None:
    with pytest.raises(ValueError, match=r"the job has no column nope: take one of baseline, eq8"):
        Inspector(bottle, column="nope")
    untested = FinishedJob(replace(bottle.record, inspection={}), bottle.model, bottle.descents, bottle.folder)
    with pytest.raises(ValueError, match=r"stages=\[test\] rerun=true"):
        untested.inspect(np.zeros((4, 4), np.uint8))


def test_a_threshold_from_training_images_promises_nothing(bottle: FinishedJob) -> None:
    decision = bottle.inspector.decision
    assert not decision.held_out
    assert decision.line.startswith("nothing is promised: the network may have been trained on the 6 good images")


def test_load_is_the_name_for_users() -> None:
    assert public_load is load


def test_a_conformal_threshold_is_exceeded_by_at_most_the_asked_share_of_good_images() -> None:
    rng = np.random.default_rng(0)
    thresholds = [conformal(rng.normal(size=39).tolist(), 0.05).threshold for _ in range(400)]
    share = [(rng.normal(size=1000) > threshold).mean() for threshold in thresholds]
    assert 0.045 < np.mean(share) < 0.055  # 39 scores: k = 38 of 40, exactly 5 % on average


def test_too_few_good_images_promise_less() -> None:
    few = conformal([3.0, 1.0, 2.0], 0.05)
    assert (few.threshold, few.rate, few.too_few) == (3.0, 0.25, True)
    assert few.line.endswith("from 3 held-out good images; for at most 5 % it takes 19 of them")
    assert [needed(rate) for rate in (0.5, 0.1, 0.05, 0.01)] == [1, 9, 19, 99]
    assert not conformal([1.0] * 19, 0.05).too_few


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal([1.0], rate)
