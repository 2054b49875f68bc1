"""A score of x0 and f(x_N): what the autoencoder makes of the projection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from renormal.contracts import Autoencoder, Images, Maps, Score
from renormal.functional.reconstructed import reconstructed
from renormal.scores.bounded import top_of
from renormal.scores.comparison import DSSIM
from renormal.scores.unsuited import refuse_fitted


@dataclass(frozen=True)
class Reconstructed:
    """of(x₀, f(x_N)); under f(x₀) it is of(x₀, f(f(x₀))).

    A blurred f reaches T after few steps: x_N then keeps the defect, and f(x_N) does not. One more pass through the
    network for each image. `of` is the score that compares both.
    """

    of: Score = field(default=DSSIM())

    def __post_init__(self) -> None:
        refuse_fitted("reconstructed", self.of)

    @property
    def top(self) -> float:
        """That of `of`."""
        return top_of(self.of)

    def __call__(self, model: Any, x0: Images, projected: Images) -> Maps:
        if not isinstance(model, Autoencoder):
            raise ValueError(f"a score of f(x_N) needs a model with f, {type(model).__name__} has none")
        side = getattr(model, "size", x0.shape[-1])
        if side != x0.shape[-1]:
            raise ValueError(
                f"a score of f(x_N) needs images of the model's {side} px, got {x0.shape[-1]}: set test.average=maps"
            )
        image = reconstructed(model, projected).image
        return self.of(model, x0, image.to(x0.dtype))
