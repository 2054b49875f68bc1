"""The images that a network was trained on, and that a further training of it must not set apart.

A network has low losses on images that it knows. A threshold measured on them is too low, and a metric too good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from renormal.data import Item, Source, hold_out, set_apart
from renormal.files import read_text, write_whole
from renormal.job.file_contents import digests_of

FILE = "trained_on.sha256"  # in the folder of a job: as `sha256sum` writes it
LARGEST = 2**30  # bytes of such a file, ours
LINE = re.compile(r"([0-9a-f]{64})  .+")
UNKNOWN = (
    "continue={}: {} is not there, so nobody knows which photographs its network was trained on: nothing is promised "
    "of thresholds, and metrics may be too good"
)


def seen_by(job: str | None) -> frozenset[str] | None:
    """SHA-256 of the images that the network of a finished job was trained on. None where nobody knows."""
    if job is None:
        return frozenset()
    path = Path(job) / FILE
    try:
        lines = read_text(path, LARGEST).splitlines()
    except FileNotFoundError:
        return None
    found = [LINE.fullmatch(line) for line in lines]
    if wrong := next((number for number, one in enumerate(found, start=1) if one is None), None):
        raise ValueError(f"{path}, line {wrong}: no digest and name: take another copy of the job, or delete the file")
    return frozenset(one[1] for one in found if one is not None)


def write_trained_on(folder: Path, source: Source, job: str | None) -> None:
    """Write the digests and names of the training images, and those of the job that this one goes on with.

    Where nobody knows those, nobody knows these: no file is left.
    """
    if (before := seen_by(job)) is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    names = {held: path.name for path, held in digests_of(item.image for item in source.train).items()}
    lines = [f"{held}  {names.get(held, Path(str(job)).name)}" for held in sorted(before | names.keys())]
    write_whole(folder / FILE, "\n".join(line.replace("\n", " ").replace("\r", " ") for line in lines))


def parted(source: Source, job: str | None, *, spare: int, apart: int, fold: int) -> Source:
    """The source with every `spare`-th and every `apart`-th training image held out, of those that are new to the job.

    What its network knows trains again, with all of its group. job: that of continue=.
    """
    known = seen_by(job)
    if not known:
        remarks = () if known is not None else (UNKNOWN.format(job, FILE),)
        source = set_apart(hold_out(source, spare), apart, fold)
        return replace(source, remarks=(*source.remarks, *remarks))
    old = _known(source.train, known)
    groups = {item.group for item in old if item.group}
    new = tuple(item for item in source.train if item not in old and item.group not in groups)
    source = replace(source, spare=_without(source.spare, _known(source.spare, known)))
    enough = len({item.group or item.image for item in new}) > bool(spare and not source.spare) + bool(apart)
    lines = [*_again(source, job, len(source.train) - len(new), enough), *_tested(source, job, known)]
    if enough:
        held = set_apart(hold_out(replace(source, train=new), spare), apart, fold)
        source = replace(held, train=_without(source.train, {*held.spare, *held.apart}))
    return replace(source, remarks=(*source.remarks, *(f"{source.name}: {line}" for line in lines)))


def _again(source: Source, job: str | None, count: int, enough: bool) -> Iterator[str]:
    """A line where images train again."""
    if count:
        few = "" if enough else ": too few are new, and none of them is held out or set apart"
        yield f"{count} of {len(source.train)} good photographs were in the training of {job} and train again{few}"


def _tested(source: Source, job: str | None, known: frozenset[str]) -> Iterator[str]:
    """A line where images are tested that the network was trained on."""
    found = _known(source.test, known)
    tested = [item for item in source.test if item in found]
    if tested:
        name = tested[0].image.relative_to(source.root)
        which = f"{len(tested)} of {len(source.test)} test photographs were in the training of {job} ({name})"
        yield f"{which}: their scores are too low, and image metrics may be too good: test others"


def _known(items: Iterable[Item], known: frozenset[str]) -> set[Item]:
    items = list(items)
    held = digests_of(item.image for item in items)
    return {item for item in items if held[item.image] in known}


def _without(items: Iterable[Item], out: Iterable[Item]) -> tuple[Item, ...]:
    left = set(out)
    return tuple(item for item in items if item not in left)
