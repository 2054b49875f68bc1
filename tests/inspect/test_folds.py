"""Jobs that set different good images apart decide together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts import rows_of

from renormal.inspect.folds import Folds, Pooled
from renormal.inspect.inputs import inputs_of
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import inspector_of, load
from renormal.inspect.predict import main, parse
from renormal.inspect.settled import known_before
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job


@pytest.fixture(scope="module")
def folds(small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Path]:
    """The configs of three jobs, and the folder that holds theirs."""
    folder = tmp_path_factory.mktemp("folds")
    apart = ["category=bottle", "projection=[eq8]", "test.holdout=3"]
    configs = [small(*apart, f"seed={fold}", f"test.fold={fold}", f"folder={folder / str(fold)}") for fold in range(3)]
    for config in configs:
        run_job(config)
    return configs, folder


def test_each_good_image_is_set_apart_once(folds: tuple[list[Any], Path]) -> None:
    apart = [item.image for config in folds[0] for item in source_of(config).apart]
    trained = [{item.image for item in source_of(config).train} for config in folds[0]]
    assert len(apart) == len(set(apart)) == 6
    assert set(apart) == set.union(*trained)


def test_p_counts_the_good_images_of_each_fold_that_are_as_anomalous_under_its_own_job(
    folds: tuple[list[Any], Path],
) -> None:
    jobs = [load(folds[1] / str(fold)) for fold in range(3)]
    photo = source_of(folds[0][0]).test[0].image
    answer = Folds(jobs, column="baseline").inspect(photo)
    alone = [Inspector(job, column="baseline").inspect(photo) for job in jobs]
    good = [job.record.inspection["good"]["baseline"] for job in jobs]
    above = sum(value >= one.score for one, scores in zip(alone, good, strict=True) for value in scores)
    assert answer.p == pytest.approx((1 + above) / 7)
    assert answer.score == pytest.approx(np.mean([one.score for one in alone]))
    assert answer.map == pytest.approx(np.mean([one.map for one in alone], axis=0))
    assert answer.defective is (above == 0)  # six images: the lowest p is 1/7


def test_the_folder_of_a_category_is_all_of_its_jobs_and_that_of_a_job_is_one(folds: tuple[list[Any], Path]) -> None:
    whole, one = inspector_of(folds[1]), inspector_of(folds[1] / "0")
    assert isinstance(whole, Folds)
    assert isinstance(one, Inspector)
    assert "from 6 good images in 3 folds; for about 5 % it takes 19 of them" in whole.decision.line


def test_jobs_that_are_no_folds_are_one_line(folds: tuple[list[Any], Path], tmp_path: Path) -> None:
    jobs = [load(folds[1] / str(fold)) for fold in range(3)]
    with pytest.raises(ValueError, match="has the fold 0, and so has another job"):
        Folds([jobs[0], jobs[0]])
    seen = replace(jobs[1].record, inspection=jobs[1].record.inspection | {"held_out": False})
    with pytest.raises(ValueError, match="was trained on the good images set apart: leave checkpoint= out"):
        Folds([jobs[0], replace(jobs[1], record=seen)])
    other = replace(jobs[1], record=replace(jobs[1].record, category="cable"))
    with pytest.raises(ValueError, match="differs from"):
        Folds([jobs[0], other])
    config = jobs[2].record.config
    test = config["test"] | {"holdout": 0}
    without = replace(jobs[2], record=replace(jobs[2].record, config=config | {"test": test}))
    with pytest.raises(ValueError, match="set no good images apart"):
        Folds([jobs[0], without])
    with pytest.raises(ValueError, match=r"record.json: does not exist"):
        inspector_of(tmp_path)


def test_about_the_asked_share_of_good_images_is_called_defective() -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        shift = rng.normal(size=5)  # each fold's job has a scale of scores of its own
        pooled = Pooled(tuple(np.sort(rng.normal(size=12) + own) for own in shift), 0.05)
        found.append((pooled.p([rng.normal(size=100) + own for own in shift]) <= pooled.threshold).mean())
    assert np.mean(found) < 0.05  # independent folds are conservative; 0.1 and a little is promised


def test_p_is_that_of_one_split_where_there_is_one_fold() -> None:
    pooled = Pooled((np.arange(19.0),), 0.05)
    assert pooled.p([np.array([18.0, 18.5, -1.0])]).tolist() == [0.1, 0.05, 1.0]
    assert not pooled.too_few


def test_renormal_predict_lets_all_jobs_of_a_category_decide(
    folds: tuple[list[Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [item.image for item in source_of(folds[0][0]).test]
    given = [str(folds[1]), *map(str, photos), "--column", "baseline", "--out", str(tmp_path / "found")]
    status = main(given)
    assert "p of at most 0.1429 is defective\nAbout 14 % of good images" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "found" / "predictions.jsonl").read_text().splitlines()]
    together = Folds([load(folds[1] / str(fold)) for fold in range(3)], column="baseline")
    answers = {"/".join(Path(one.name).parts[-2:]): one for one in together.inspect_all(photos)}
    assert len(lines) == len(answers) == len(photos)
    rows = rows_of(tmp_path / "found")
    for line in lines:
        answer = answers[line["image"]]
        assert line["score"] == pytest.approx(answer.score)
        assert (line["p"], line["threshold"], line["defective"]) == (answer.p, None, answer.defective)
        assert (float(rows[line["image"]]["p"]), rows[line["image"]]["threshold"]) == (answer.p, "")
        assert bool(line["defects"]) is answer.defective
    assert status == int(any(line["defective"] for line in lines))
    settings = json.loads((tmp_path / "found" / "settings.json").read_text())
    known = known_before(parse(given), inputs_of(list(map(str, photos)), tmp_path / "found"))
    assert known.keys() == settings.keys() - {"threshold"}, "p decides, and is not known before the folds are loaded"
    assert {key: known[key] for key in known.keys() - {"about"}}.items() <= settings.items()


@pytest.mark.parametrize(
    ("given", "held_out"),
    [
        (["0"], True),  # these weights have not seen the images that fold 0 sets apart
        (["1"], False),  # those of the other fold have
        (["0", "1"], False),
    ],
)
def test_nothing_is_promised_from_images_that_given_weights_were_trained_on(
    folds: tuple[list[Any], Path], small: Any, tmp_path: Path, given: list[str], held_out: bool
) -> None:
    weights = ",".join(str(folds[1] / one / "checkpoints" / "last.ckpt") for one in given)
    weights = f"[{weights}]" if len(given) > 1 else weights
    test = ["stages=[test]", f"checkpoint={weights}", f"folder={tmp_path}", "category=bottle", "projection=[eq5]"]
    run_job(small(*test, "seed=0", "test.holdout=3", "test.fold=0"))
    decision = inspector_of(tmp_path).decision
    assert decision.held_out is held_out
    assert ("nothing is promised" in decision.line) is not held_out
