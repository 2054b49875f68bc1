"""The rehearsal: drawn images under MVTec AD's names, so that everything runs without a download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from renormal.data.mvtec import CATEGORIES, mvtec
from renormal.data.source import DataError, Source


def stand_in(
    root: str | Path | None,
    category: str,
    *,
    seed: int = 0,
    train: int = 60,
    good: int = 10,
    defective: int = 20,
) -> Source:
    """The drawn category of that name, written below `root` if it is not there yet, then read as MVTec AD is."""
    from renormal.data.rehearsal import write_category

    if category not in CATEGORIES:
        raise DataError(f"category={category} is not among those that can be drawn: {', '.join(CATEGORIES)}")
    place = Path("data/rehearsal") if root is None else Path(root)
    write_category(place, category, seed=seed, train=train, good=good, defective=defective)
    return replace(mvtec(place, category), name=category)
