"""The rehearsal: drawn images under MVTec AD's names, so that everything runs without a download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from renormal.data.mvtec import mvtec
from renormal.data.source import DataError, Source


def stand_in(
    root: str | Path | None,
    category: str,
    *,
    seed: int = 0,
    train: int = 60,
    good: int = 10,
    defective: int = 8,  # of each defect type
) -> Source:
    """The drawn category of that name, written below `root` if it is not there yet, then read as MVTec AD is."""
    if root is None:
        raise DataError("data.root=null, but the drawn images need a folder: give data.root=data/rehearsal")
    from renormal.data.rehearsal import write_category  # scipy loads here, so that submitting real jobs does not wait

    write_category(Path(root), category, seed=seed, train=train, good=good, defective=defective)
    return replace(mvtec(root, category), remarks=())  # its own file of settings lies there
