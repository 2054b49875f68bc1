"""A score whose maps no test can count is refused before the training, by its key and its function."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from renormal.job.build import build_columns, build_data, build_module
from renormal.job.job import run_job
from renormal.job.tried_scores import check_scores

OWN = "{_target_: hydra.utils.get_method, path: scored.own}"
SHAPE = r"\(2, 3, 32, 32\) in place of \(B, H, W\) = \(2, 32, 32\): return one number for each pixel"
NEGATIVE = r"has values below 0 \(-0\.\d+\) on training images: return a distance, as \.abs\(\) does"


@pytest.mark.parametrize(
    ("overrides", "key", "body", "message"),
    [
        (["score=own"], "score", "projected[:, 0] - x0[:, 0]", NEGATIVE),
        (["score=own"], "score", "x0", f"returns the shape {SHAPE}"),
        (["score=own"], "score", "x0.mean(dim=1) * float('nan')", "is not finite on training images: check its div"),
        (["score=own"], "score", "x0.mean(dim=1) > 0", "returns torch.bool: return a tensor of floating point"),
        (["score=own"], "score", "0.5", "returns float: return a tensor of floating point"),
        ([f"+scores.own={OWN}"], "scores.own", "projected[:, 0] - x0[:, 0]", NEGATIVE),
        (["experiment=choose", f"+choose.scores.own={OWN}"], "choose.scores.own", "-x0.mean(dim=1)", NEGATIVE),
        (["score=combined", f"+score.parts.own={OWN}"], "score.parts.own", "-x0.amax(dim=1)", NEGATIVE),
    ],
)
def test_it_says_so_before_the_training(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], key: str, body: str, message: str
) -> None:
    (tmp_path / "scored.py").write_text(f"def own(model, x0, projected):\n    return {body}\n", encoding="utf-8")
    (tmp_path / "conf" / "score").mkdir(parents=True)
    (tmp_path / "conf" / "score" / "own.yaml").write_text(f"{OWN}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "scored", raising=False)
    config = tiny(*overrides, f"hydra.searchpath=[file://{tmp_path}/conf]")
    with pytest.raises(ValueError, match=rf"^{re.escape(key)} \(scored\.own\) {message}"):
        run_job(config)
    assert not list(Path(config.folder).rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("score", "key"),
    [("msgms", "score"), ("msgms_whitened", "score.of"), ("combined", "score.parts.msgms")],
)
def test_a_score_that_refuses_images_of_this_size_is_named_by_its_key(tiny: Any, score: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: scales=7 halves images of 32 × 32 6 times: "):
        run_job(tiny(f"score={score}", f"{key}.scales=7"))


@pytest.mark.parametrize("name", ["segmented", "msgms_segmented"])
def test_a_score_that_the_network_cannot_answer_is_left_out_of_the_choice_with_a_line(
    tiny: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    config = tiny("experiment=choose", f"+score@choose.scores.learned={name}")
    data = build_data(config, instantiate(config.data.source, _convert_="all"))
    with caplog.at_level("WARNING", "renormal"):
        check_scores(config, build_columns(config), build_module(config, data, ""), data)
    line = "choose.scores.learned is left out of the choice: model=l2_ae cannot answer it"
    assert [record.message for record in caplog.records] == [line]


@pytest.mark.parametrize(
    ("typed", "mend"), [([], ": set model=segmenting_ae, or another projection"), (["continue=outputs/x"], "")]
)
def test_a_projection_that_the_network_cannot_answer_is_left_out_of_the_choice_with_a_line(
    tiny: Any, caplog: pytest.LogCaptureFixture, typed: list[str], mend: str
) -> None:
    """With continue= another model is refused."""
    config = tiny("experiment=choose", "+projection@choose.projections.second_pass=second_pass", *typed)
    data = build_data(config, instantiate(config.data.source, _convert_="all"))
    with caplog.at_level("WARNING", "renormal"):
        check_scores(config, build_columns(config), build_module(config, data, ""), data)
    line = "choose.projections.second_pass is left out of the choice: L2AE has not learned to segment"
    assert [record.message for record in caplog.records] == [line + mend]


def test_the_score_of_the_test_is_refused_where_the_network_cannot_answer_it(tiny: Any) -> None:
    with pytest.raises(ValueError, match=r"score=segmented needs a model that has learned .* set model=segmenting_ae"):
        run_job(tiny("experiment=choose", "score=msgms_segmented"))


@pytest.mark.parametrize("average", ["maps", "pixels"])
def test_trying_them_changes_no_weight_and_no_random_number(tiny: Any, average: str) -> None:
    further = ["+score@scores.kl=kl_gradient"] if average == "maps" else []
    config = tiny("model=vae", "score=combined", "category=grid", f"test.average={average}", *further)
    data = build_data(config, instantiate(config.data.source, _convert_="all"))
    module = build_module(config, data, "")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    random = torch.get_rng_state()
    check_scores(config, build_columns(config), module, data)
    assert torch.equal(torch.get_rng_state(), random)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())
