"""Holes repaired in every way, measured against what was there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from renormal.contracts import Reconstruction
from renormal.functional.holes import square_holes
from renormal.lit.classical import biharmonic
from renormal.lit.inpaint import sheet
from renormal.lit.repairs import Damaged, Repaired, by_descent, by_library, by_model, damage, quality
from renormal.projection import Descent, Energy, Gradient, Threshold, error_mask, known_mask
from renormal.report.strips import read_picture


class Grey:
    """f(x) = 0.5 everywhere; fills holes with 0.25."""

    def reconstruct(self, x: torch.Tensor) -> Reconstruction:
        image = torch.full_like(x, 0.5) + 0 * x
        return Reconstruction(image, (x - image).square().sum(dim=(1, 2, 3)))

    def inpaint(self, x: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
        return torch.full_like(x, 0.25)


def descent(mask: Any, **settings: Any) -> Descent:
    given = {"energy": Energy(weight=0.0), "direction": Gradient(), "stop": Threshold(value=0.0), "clamp": (0.0, 1.0)}
    return Descent(mask=mask, **{**given, "step_size": 0.25, "max_steps": 30, **settings})


@pytest.fixture
def damaged() -> Damaged:
    truth = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return damage(truth, square_holes, seed=0)


def test_damage_is_the_same_in_every_job_of_a_seed(damaged: Damaged) -> None:
    again = damage(damaged.truth, square_holes, seed=0)
    assert torch.equal(damaged.image, again.image)
    assert not torch.equal(damaged.image, damage(damaged.truth, square_holes, seed=1).image)


def test_with_a_known_hole_the_descent_leaves_the_rest_alone_and_fills_it_with_f(damaged: Damaged) -> None:
    image, result = by_descent(Grey(), descent(known_mask), damaged)
    known = (damaged.holes == 0).expand_as(image)
    assert torch.equal(image[known], damaged.truth[known])
    assert torch.allclose(image[~known], torch.full_like(image[~known], 0.5), atol=1e-3)
    assert result is not None


def test_blind_it_moves_everything_that_is_badly_reconstructed(damaged: Damaged) -> None:
    image, _ = by_descent(Grey(), descent(error_mask), damaged)
    known = (damaged.holes == 0).expand_as(image)
    assert not torch.equal(image[known], damaged.truth[known])


def test_a_model_trained_for_it_and_a_library_only_answer_for_the_hole(damaged: Damaged) -> None:
    known = (damaged.holes == 0).expand_as(damaged.truth)
    for image, _ in (by_model(Grey(), damaged), by_library(lambda x, hole: np.zeros_like(x) + 0.25, damaged)):
        assert torch.equal(image[known], damaged.truth[known])
        assert (image[~known] == 0.25).all()


def test_quality_agrees_with_another_library(damaged: Damaged) -> None:
    image = (damaged.truth + 0.1).clamp(0, 1)
    found = dict(quality(image, damaged))
    each = []
    for one, truth, hole in zip(image.numpy(), damaged.truth.numpy(), damaged.holes[:, 0].numpy() > 0, strict=True):
        each.append(peak_signal_noise_ratio(truth[:, hole], one[:, hole], data_range=1.0))
    assert found["psnr_hole"] == pytest.approx(np.mean(each), abs=1e-3)
    perfect = dict(quality(damaged.truth, damaged))
    assert perfect["ssim_hole"] == pytest.approx(1.0, abs=1e-5)
    assert perfect["l1_rest"] == 0
    assert perfect["auroc"] > 0.99  # only the hole was changed


def test_the_sheet_shows_the_best_and_the_worst(tmp_path: Path, damaged: Damaged) -> None:
    image = damaged.truth.clone()
    image[2] = 0  # the worst
    entry = sheet(tmp_path / "panels" / "a.png", list("abcdef"), damaged, {"way": Repaired(image, 1.0)})
    assert entry["columns"] == ["x0", "way", "truth"]
    assert entry["rows"][-1]["path"] == "c"
    assert len(entry["rows"]) == 6
    assert read_picture(tmp_path / "panels" / "a.png", "RGB").size == (3 * 16, 6 * 16)


def test_where_nothing_is_known_the_library_is_not_asked() -> None:
    image = np.random.default_rng(0).random((16, 16, 3)).astype(np.float32)
    assert (biharmonic(image, np.ones((16, 16), dtype=bool)) == 0.5).all()
    half = np.arange(256).reshape(16, 16) < 128
    filled = biharmonic(image, half)
    assert np.allclose(filled[~half], image[~half], atol=1e-6)
    assert np.isfinite(filled).all()


def test_an_image_that_is_missing_as_a_whole_has_no_say_in_what_lies_outside() -> None:
    truth = torch.full((3, 3, 16, 16), 0.5)
    holes = torch.zeros(3, 1, 16, 16)
    holes[:2, :, :8], holes[2] = 1, 1
    found = dict(quality(truth + 0.1, Damaged(truth, holes, truth)))
    assert found["psnr_rest"] == pytest.approx(20, abs=1e-3)
    assert found["l1_rest"] == pytest.approx(0.1)
    assert found["psnr_hole"] == pytest.approx(20, abs=1e-3)
    everything = dict(quality(truth, Damaged(truth, torch.ones_like(holes), truth)))
    assert "psnr_rest" not in everything
