"""Scores that are fitted to good images: to which, once a test, and the same for every split of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tested import after_test, callback_of, data_of

from renormal.job.job import run_job
from renormal.lit.inspection import SHARED, state_at, states_of
from renormal.metrics import AnomalyMetrics
from renormal.report.record import read_record
from renormal.scores import DSSIM, Combined, SquaredError, Whitened, by_rank

PARTS = {"error": SquaredError(), "dssim": DSSIM(), "whitened": Whitened(SquaredError())}
SCORES = {"mean": Combined(PARTS), "rank": Combined(PARTS, by=by_rank)}


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_it_is_fitted_to_the_training_images_and_their_reconstructions(rehearsal: Path, category: str) -> None:
    data = data_of(rehearsal, category)
    callback = callback_of(score=SCORES["rank"], scores={"mean": SCORES["mean"]}, stride=32)
    model = after_test(data, callback).model
    good = torch.cat(list(data.normal_images(64)))
    images = data.test.images.float() / 255
    for name, score in {"baseline": SCORES["rank"], "mean": SCORES["mean"]}.items():
        with torch.no_grad():
            whole = score.fitted(model, [(good, model(good))])
            if category == "bottle":
                maps = whole(model, images, model(images))
                oracle = AnomalyMetrics()
                oracle.update(maps, data.test.regions)
                expected = oracle.compute()["pixel_auroc"].item()
                assert callback.metrics[f"{name}/pixel_auroc"] == pytest.approx(expected, abs=2e-3)
        held = callback.networks[0].scores[name]
        with torch.no_grad():
            pair = torch.rand(2, 2, data.channels, 32, 32, generator=torch.Generator().manual_seed(0))
            assert torch.allclose(held(model, *pair), whole(model, *pair), rtol=2e-3, atol=1e-3)


def test_the_test_images_have_no_part_in_it(rehearsal: Path) -> None:
    pair = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    maps = []
    for strength in (1.0, 0.1):
        data = data_of(rehearsal, "bottle")
        data.test.images.copy_((data.test.images * strength).byte())
        callback = callback_of(score=SCORES["rank"])
        model = after_test(data, callback).model
        maps.append(callback.networks[0].scores["baseline"](model, *pair[:, :, : data.channels]))
    assert torch.equal(*maps)


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_numbers_do_not_depend_on_which_images_are_tested_together(rehearsal: Path, category: str) -> None:
    ends = []
    for count in (1, 5):
        data = data_of(rehearsal, category)
        data.test_images = count
        callback = callback_of(score=SCORES["mean"], scores={"rank": SCORES["rank"]}, stride=16)
        after_test(data, callback)
        ends.append((callback.metrics, [row["rank/score"] for row in callback.rows]))
    assert ends[0] == ends[1], "to the last bit"


def test_a_whole_job_with_it_and_a_choice_of_it(tiny: Any, tmp_path: Path) -> None:
    more = ["+score@choose.scores.combined=combined", "choose.scores.combined.parts.msgms.scales=2"]
    axes = ["choose.axes={step_size:[0.5]}", "projection=[eq8]", "choose.defects=2", "choose.holdout=3"]
    msgms = ["score=combined", "score.parts.msgms.scales=2", "score.parts.dssim.smooth.mean=3"]
    run_job(tiny(*msgms, *more, *axes, "stages=[train,choose,test]"))
    record = read_record(tmp_path / "run" / "record.json")
    assert {"baseline/pixel_auroc", "eq8/pixel_auroc", "chosen/pixel_auroc"} <= record.metrics.keys()
    assert {trial["score"] for trial in record.choice["trials"]} == {"score", "combined"}


def test_without_f_it_is_refused_before_the_training(tiny: Any) -> None:
    config = tiny("model=anogan", "projection=[anogan]", "score=combined", "score.parts.msgms.scales=2")
    with pytest.raises(
        ValueError, match=r"model=anogan has no f\(x\) \(no method reconstruct\), which score=\[combined\] asks for"
    ):
        run_job(config)


@pytest.mark.parametrize("override", ["score.parts.msgms.scales=9", "score.parts.dssim.smooth.mean=99"])
def test_a_part_that_does_not_fit_is_refused_before_the_training(tiny: Any, override: str) -> None:
    with pytest.raises(ValueError, match=r"score"):
        run_job(tiny("score=combined", override))


def test_columns_that_share_a_score_keep_its_counts_once() -> None:
    one, other = (Combined(PARTS).fitted(None, [(torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16))]) for _ in "ab")  # type: ignore[arg-type]
    states = states_of({"baseline": one, "dssim": DSSIM(), "eq8": one, "mean": other, "eq8_mean": other})
    assert states.keys() == {"baseline", "eq8", "mean", "eq8_mean"}
    assert states["eq8"] == {SHARED: "baseline"}
    assert states["eq8_mean"] == {SHARED: "mean"}
    for column, score in {"baseline": one, "eq8": one, "mean": other, "eq8_mean": other}.items():
        assert state_at(states, column) == score.state()
    for strange in ("gone", 3, ["baseline"]):
        with pytest.raises(ValueError, match="the record keeps nothing of eq8: repeat the test with rerun=true"):
            state_at(states | {"eq8": {SHARED: strange}}, "eq8")
