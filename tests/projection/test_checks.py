"""What cannot be projected is refused before the first step, with its value."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from toys import DESCENTS, Net, images

from renormal.projection import Descent, Energy, Threshold, known_mask, model_loss, project, squared_error


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_size": 0.0}, "step_size must be positive, got 0.0"),
        ({"slots": 0}, "slots must be positive, got 0"),
        ({"check_every": -1}, "check_every must be positive, got -1"),
        ({"step_size": torch.inf}, "step_size must be positive, got inf"),
        ({"step_size": torch.nan}, "step_size must be positive, got nan"),
        ({"max_steps": -1}, "max_steps must be a whole number >= 0, got -1"),
        ({"max_steps": 1.5}, "max_steps must be a whole number >= 0, got 1.5"),
        ({"clamp": (1.0, 0.0)}, r"two numbers, the lower one first, got \(1.0, 0.0\)"),
        ({"clamp": (0.0, torch.nan)}, "the lower one first, got"),
        ({"clamp": (0.0,)}, r"the lower one first, got \(0.0,\)"),
        ({"precision": "float16"}, "one of float32, bfloat16, auto, got 'float16'"),
    ],
)
def test_a_descent_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Descent(**settings)


@pytest.mark.parametrize(
    ("x0", "omega", "message"),
    [
        (torch.rand(3, 8, 8), None, r"float32 or float64 \(B, C, H, W\), got torch.float32 \(3, 8, 8\)"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), None, "got torch.uint8"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.bfloat16), None, "got torch.bfloat16"),
        (torch.full((1, 1, 8, 8), torch.nan), None, "finite, got NaN"),
        (torch.rand(2, 3, 8, 8), torch.ones(1, 1, 8, 8), r"images \(2, 3, 8, 8\), got \(1, 1, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 2, 8, 8), r"got \(2, 2, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 7), r"got \(2, 1, 8, 7\)"),
        (torch.rand(2, 3, 8, 8), torch.ones(2, 8, 8), r"got \(2, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), torch.full((2, 1, 8, 8), torch.nan), r"omega must lie in \[0, 1\]"),
        (torch.rand(2, 3, 8, 8), torch.full((2, 1, 8, 8), 255), r"omega must lie in \[0, 1\]"),
    ],
)
def test_images_and_omega_that_do_not_fit_are_refused(x0: Tensor, omega: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(Net(), x0, DESCENTS["eq8_adam"], omega=omega)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"no value: give Threshold\(value=...\)"):
        project(Net(), images(), Descent())
    with pytest.raises(ValueError, match="known_mask needs omega"):
        project(Net(), images(), replace(DESCENTS["eq5"], mask=known_mask))
    for weight in (-1.0, torch.nan, torch.inf):
        with pytest.raises(ValueError, match=f"must be >= 0, got {weight}"):
            Energy(weight=weight)
    with pytest.raises(ValueError, match="the stop threshold is NaN: no loss is below it"):
        Threshold(value=torch.nan)


def test_a_model_may_answer_with_a_plain_tuple() -> None:
    class Plain:
        def reconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros_like(x), x.square().sum(dim=(1, 2, 3))

    x0 = torch.full((2, 1, 8, 8), 0.5)
    for loss in (squared_error, model_loss):
        result = project(Plain(), x0, Descent(energy=Energy(loss=loss), stop=Threshold(value=0.0), max_steps=3))
        assert result.terms.reconstruction.shape == (2,)
        assert (result.x < x0).all()
