"""The columns of a test: each scores f(x0) or the x_N of a projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from renormal.contracts import BASELINE, Score
from renormal.projection import Descent


@dataclass(frozen=True, kw_only=True)
class Columns:
    """f(x0) and the x_N of every projection under one score, and f(x0) under further scores.

    projections: name → descent. score: of f(x0) and of every x_N. scores: name → further score of f(x0), in its own
    column. crossed: further scores also score every x_N, in columns <projection>_<score>. own: projection → its own
    score, used instead of `score`; such a projection is not crossed.
    """

    projections: Mapping[str, Descent]
    score: Score
    scores: Mapping[str, Score] = field(default_factory=dict)
    crossed: bool = False
    own: Mapping[str, Score] = field(default_factory=dict)

    def added(self, name: str, descent: Descent, score: Score) -> Columns:
        """These columns and one more projection with its own score."""
        return replace(self, projections={**self.projections, name: descent}, own={**self.own, name: score})

    def ends(self, *, reconstructs: bool) -> dict[str, tuple[str, Score]]:
        """Column → (projection or baseline, score), in the order of the table. reconstructs: the model has an f(x0)."""
        baseline = {BASELINE: (BASELINE, self.score)} if reconstructs else {}
        further = {name: (BASELINE, score) for name, score in self.scores.items()}
        projected = {name: (name, self.own.get(name, self.score)) for name in self.projections}
        shared = [name for name in self.projections if self.crossed and name not in self.own]
        crossed = {f"{end}_{name}": (end, score) for name, score in self.scores.items() for end in shared}
        return baseline | further | projected | crossed
