"""A line before the test names the projections that find less of the planted defects than f(x0)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tested import after_test, callback_of, data_of

from renormal.choose.planted_set import planted_set
from renormal.contracts import Batch
from renormal.lit.blurred import planted_auroc
from renormal.lit.ensemble import Answer
from renormal.lit.normal_maps import Counting
from renormal.lit.projection_run import ProjectionRun
from renormal.models import L2AE, VAE
from renormal.projection import Descent, Threshold, settle

REGIONS = torch.zeros(2, 8, 8, dtype=torch.int16)
REGIONS[0, 2:5, 2:5] = 1
PLANTED = [Batch(torch.rand(2, 1, 8, 8), REGIONS, ["scratch", "good"], ["a", "b"])]


def run_of(name: str) -> ProjectionRun:
    descent = settle(
        Descent(stop=Threshold(value=1.0), precision="float32"), torch.nn.Identity(), torch.rand(1, 1, 8, 8)
    )
    run = ProjectionRun(name, descent)
    run.report.steps.append(torch.tensor([1, 3]))
    return run


@pytest.mark.parametrize(
    ("found", "warned"),
    [
        (1.0, False),  # every defect's pixel above every other
        (0.5, True),  # x_N = x0: a map of zeros
        (0.0, True),  # every defect's pixel below every other
    ],
)
def test_a_projection_that_finds_less_than_f_is_named(
    found: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    inside = (REGIONS > 0).float()
    maps = {1.0: inside, 0.5: torch.zeros_like(inside), 0.0: 1 - inside}[found]

    def answer(batch: Batch, runs: Mapping[str, ProjectionRun]) -> Answer:
        return {"baseline": (batch.image, inside), "eq8": (batch.image, maps)}

    with caplog.at_level(logging.WARNING, "renormal"):
        values = planted_auroc(PLANTED, answer, {"eq8": run_of("eq8")})
    assert values == {"baseline": {"planted_auroc": 1.0}, "eq8": {"planted_auroc": pytest.approx(found)}}
    line = f"f(x0) finds 1 drawn defect better (pixel AUROC 1.00) than eq8 ({found:.2f} after 2 steps): f reconstructs"
    assert (line in caplog.text) == warned


@pytest.mark.parametrize(
    ("network", "fixed", "advised"),
    [
        (VAE(channels=1, size=32), False, ". Train longer, or take model=vae_draws for model=vae, or compare"),
        (VAE(channels=1, size=32), True, ". Train longer, or train model=vae_draws, without continue=, or compare"),
        (VAE(channels=1, size=32, draws=2), False, ". Train longer, or compare"),
        (L2AE(channels=1, size=32), True, ". Train longer, or compare"),
    ],
)
def test_two_such_projections_share_a_line_and_draws_are_advised_to_a_vae_without_them(
    network: torch.nn.Module, fixed: bool, advised: str, caplog: pytest.LogCaptureFixture
) -> None:
    inside = (REGIONS > 0).float()

    def answer(batch: Batch, runs: Mapping[str, ProjectionRun]) -> Answer:
        return {"baseline": (batch.image, inside), **dict.fromkeys(runs, (batch.image, 1 - inside))}

    one_step = run_of("eq8_adam")
    one_step.report.steps[:] = [torch.tensor([1, 1])]
    with caplog.at_level(logging.WARNING, "renormal"):
        planted_auroc(PLANTED, answer, {"eq8": run_of("eq8"), "eq8_adam": one_step}, network, fixed=fixed)
    (line,) = caplog.messages
    assert "than eq8 (0.00 after 2 steps), eq8_adam (0.00 after 1 step): " in line
    assert advised in line


def test_where_f_is_the_same_image_for_all_no_comparison_with_it_is_advised(caplog: pytest.LogCaptureFixture) -> None:
    inside = (REGIONS > 0).float()

    def answer(batch: Batch, runs: Mapping[str, ProjectionRun]) -> Answer:
        return {"baseline": (torch.full_like(batch.image, 0.5), inside), "eq8": (batch.image, 1 - inside)}

    with caplog.at_level(logging.WARNING, "renormal"):
        black_and_white = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
        planted_auroc([PLANTED[0]._replace(image=black_and_white)], answer, {"eq8": run_of("eq8")})
    (line,) = caplog.messages
    assert line.endswith(
        "f(x) is nearly the same image for every photograph, and nothing can be projected with it. Train longer"
    )


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_the_check_changes_no_number_of_the_test(
    category: str, rehearsal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = data_of(rehearsal, category)
    still = {"still": Descent(max_steps=0), "eq8_adam": Descent(max_steps=4)}
    plain = callback_of(still, stride=32)
    checked = callback_of(still, stride=32, counting=Counting(planted=[planted_set(data, defects=4, seed=0)]))
    after_test(data, plain)
    with caplog.at_level(logging.WARNING, "renormal"):
        after_test(data, checked)
    assert checked.found.metrics == plain.found.metrics
    assert {name: values["planted_auroc"] for name, values in checked.found.maps.items()}.keys() == {"baseline", *still}
    assert checked.found.maps["still"]["planted_auroc"] == 0.5
    assert all("planted_auroc" not in values for values in plain.found.maps.values())
