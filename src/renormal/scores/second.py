"""A score of x0 and of what the model's second autoencoder makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from renormal.contracts import Images, Maps, Score, SecondAutoencoder
from renormal.scores.bounded import top_of
from renormal.scores.comparison import DSSIM
from renormal.scores.unsuited import UnsuitedError, refuse_fitted


@dataclass(frozen=True)
class Second:
    """of(x₀, g(x₀)), g the second autoencoder of a model such as RepairL2AE; x_N does not count.

    of: the score that compares both. Raises UnsuitedError for a model without g.
    """

    of: Score = field(default=DSSIM())

    def __post_init__(self) -> None:
        refuse_fitted("second", self.of)

    @property
    def top(self) -> float:
        """That of `of`."""
        return top_of(self.of)

    def suits(self, model: object) -> bool:
        """Whether the model has g."""
        return isinstance(model, SecondAutoencoder)

    def __call__(self, model: Any, x0: Images, projected: Images) -> Maps:
        if not isinstance(model, SecondAutoencoder):
            lack = f"score=second needs a model with a second autoencoder: {type(model).__name__} has none"
            raise UnsuitedError("repair_l2_ae", lack)
        return self.of(model, x0, model.second(x0.float()).to(x0.dtype))
