"""The columns of a test: whose end each of them scores, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from renormal.contracts import BASELINE, Score
from renormal.projection import Descent


@dataclass(frozen=True, kw_only=True)
class Columns:
    """f(x0) and what every projection makes of x0 under one score, and further scores of x0 and f(x0).

    projections: name → descent. score: of f(x0) and of every projection. scores: name → further score, a column of its
    own. crossed: the further scores read the end of every projection, too, in columns <projection>_<score>. own: scores
    of single projections in place of `score`; such a projection is not crossed.
    """

    projections: Mapping[str, Descent]
    score: Score
    scores: Mapping[str, Score] = field(default_factory=dict)
    crossed: bool = False
    own: Mapping[str, Score] = field(default_factory=dict)

    def added(self, name: str, descent: Descent, score: Score) -> Columns:
        """These columns and one more projection with a score of its own."""
        return replace(self, projections={**self.projections, name: descent}, own={**self.own, name: score})

    def ends(self, *, reconstructs: bool) -> dict[str, tuple[str, Score]]:
        """Column → whose end it scores, and how, in the order of the table. reconstructs: whether there is an f(x0)."""
        baseline = {BASELINE: (BASELINE, self.score)} if reconstructs else {}
        further = {name: (BASELINE, score) for name, score in self.scores.items()}
        projected = {name: (name, self.own.get(name, self.score)) for name in self.projections}
        shared = [name for name in self.projections if self.crossed and name not in self.own]
        crossed = {f"{end}_{name}": (end, score) for name, score in self.scores.items() for end in shared}
        return baseline | further | projected | crossed
