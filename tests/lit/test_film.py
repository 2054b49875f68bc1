"""A film holds the iterates that a descent cut short at the same step ends at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from renormal.functional.tiles import cut
from renormal.lit.film import Film, Filming, first_anomalous, together
from renormal.models import L2AE
from renormal.projection import Descent, Plateau, Threshold, project
from renormal.report.strips import read_picture


@pytest.fixture
def model() -> L2AE:
    torch.manual_seed(0)
    return L2AE(channels=1, latent=4, size=32).requires_grad_(False)


def filmed(model: L2AE, x0: torch.Tensor, descent: Descent, first: int, count: int) -> Film:
    film = Film([0, 2, 5], x0, first, count)
    film.hold(project(model, x0, descent, observe=together(None, film.observe)))
    return film


@pytest.mark.parametrize("slots", [2, 16])
def test_each_frame_is_where_a_shorter_descent_ends(model: L2AE, slots: int) -> None:
    x0 = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    never = Threshold(value=0.0)
    film = filmed(model, x0, Descent(max_steps=5, stop=never, slots=slots), 3, 2)
    assert torch.equal(film.frames[0][0], x0[3:5])
    for t, (x, reconstructed) in film.frames.items():
        end = project(model, x0, Descent(max_steps=max(t, 1), stop=never, slots=slots))
        expected = end.x[3:5] if t else x0[3:5]
        torch.testing.assert_close(x, expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(reconstructed, model.reconstruct(expected).image, atol=1e-5, rtol=0)


def test_a_stopped_sample_stays_in_later_frames(model: L2AE) -> None:
    x0 = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    descent = Descent(max_steps=5, stop=Plateau(tolerance=1e9, patience=1))  # stops as soon as it may
    film = filmed(model, x0, descent, 0, 2)
    end = project(model, x0, descent)
    assert end.steps.max() < 5
    torch.testing.assert_close(film.frames[5][0], end.x)


def test_the_strip_shows_the_whole_image_above_its_reconstruction(tmp_path: Path) -> None:
    image = torch.linspace(0, 1, 48 * 48).view(1, 1, 48, 48)
    tiles = cut(image, 32, 16)
    film = Film([0, 7], torch.cat([torch.zeros(3, 1, 32, 32), tiles]), 3, len(tiles))
    entry = Filming("test/a.png", [0, 7], tmp_path / "panels", stride=16).write(film, "eq8", image)
    assert entry == {"file": "panels/eq8-path.png", "iterations": [0, 7], "path": "test/a.png"}
    strip = np.asarray(read_picture(tmp_path / "panels" / "eq8-path.png", "RGB"))
    assert strip.shape == (96, 96, 3)
    assert np.abs(strip[:48, :48, 0] - 255 * image[0, 0].numpy()).max() <= 0.5 + 1e-3


def test_the_first_anomalous_image_is_filmed() -> None:
    assert first_anomalous(["good", "bent", "cut"], ["a", "b", "c"]) == "b"
    assert first_anomalous(["good"], ["a"]) is None
    assert together(None, None) is None
