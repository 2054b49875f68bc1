"""Scores that a model or another score cannot use."""

from __future__ import annotations

from renormal.contracts import FittedScore, Score


class UnsuitedError(ValueError):
    """Says which model the score needs, and ends in the mend.

    models: what `model=` may be. lack: the line without the mend, for a network that cannot be exchanged.
    """

    def __init__(self, models: str, lack: str) -> None:
        super().__init__(f"{lack}; set model={models}, or another score")
        self.lack = lack


def refuse_fitted(name: str, of: Score) -> None:
    """Raise ValueError where the score `name` is given one that good images must fit: only `parts` of another are."""
    if isinstance(of, FittedScore):
        raise ValueError(f"`of` of score={name} must need no good images, as score=dssim, got {type(of).__name__}")
