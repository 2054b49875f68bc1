"""What the columns of a test may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from renormal.contracts import BASELINE, CHOSEN, Score
from renormal.projection import Descent


def further_columns(
    projections: Iterable[str], scores: Mapping[str, Score], *, crossed: bool
) -> dict[str, tuple[str, Score]]:
    """Column → whose end it scores, and how: f(x0) by each further score; crossed: every projection's end, too."""
    columns = {name: (BASELINE, score) for name, score in scores.items()}
    if crossed:
        columns |= {f"{end}_{name}": (end, score) for name, score in scores.items() for end in projections}
    return columns


def check_columns(
    projections: Mapping[str, Descent],
    scores: Mapping[str, Score],
    average: str,
    curves: Sequence[str],
    limit: float,
    *,
    crossed: bool,
    drawn: Sequence[str],
) -> None:
    for name, descent in projections.items():
        if not isinstance(descent, Descent):
            raise ValueError(
                f"projections.{name} is no descent: add it to projection=[...] before changing its settings"
            )
    if BASELINE in (*projections, *scores):
        raise ValueError(f"no projection and no score can be called {BASELINE}: that column is f(x0)")
    if both := sorted(scores.keys() & projections.keys()):
        raise ValueError(f"{', '.join(both)}: a score and a projection cannot share a column's name")
    names = [*projections, *scores, *(f"{end}_{name}" for end in projections for name in scores)]
    if crossed and (same := sorted({name for name in names if names.count(name) > 1})):
        raise ValueError(f"{', '.join(same)}: test.crossed=true makes a column of that name, call it something else")
    if average not in ("maps", "pixels"):
        raise ValueError(f"test.average must be maps or pixels, got {average!r}")
    if unknown := set(curves) - set(projections):
        raise ValueError(f"test.curves names {sorted(unknown)}, projection has {sorted(projections)}")
    if unknown := set(drawn) - {*projections, CHOSEN}:
        raise ValueError(f"test.drawn names {sorted(unknown)}, projection has {sorted(projections)}")
    if limit <= 0:
        raise ValueError(f"test.limit must be positive, got {limit}")
