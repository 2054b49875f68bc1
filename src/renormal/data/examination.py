"""What the owner of photographs should know before a training: copies, odd ones, sizes, exposures, the wrong kind."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from renormal.data.depth import FULL
from renormal.data.duplicates import Copies, copies
from renormal.data.exposure import exposures, sizes, smaller_groups
from renormal.data.kind import Guess, guess_kind, other_kind
from renormal.data.source import GOOD, DataError, Item, Source
from renormal.data.thumbnails import Thumbnail, thumbnails
from renormal.data.turns import FAR, SHARE, share_turned
from renormal.data.unlike import Odd, unlike

NAMED = 5  # files that a line names
TYPICAL = 3  # photographs beside the odd ones


class Examination(NamedTuple):
    """What was found. Paths are relative to the source's root."""

    guess: Guess
    lines: tuple[str, ...]  # what was found, with the mend; none where all is well
    odd: tuple[tuple[Item, str], ...]  # good photographs that look unlike the others, and why; the oddest first
    typical: tuple[Item, ...]
    rows: tuple[tuple[str, str, str], ...]  # file, finding, reason or other file


def examine(source: Source, *, bits: int = FULL, fixed: bool = False) -> Examination:
    """Read all photographs of a source and compare them. bits: as in `thumbnails`.

    fixed: the network is trained further, so no line advises another data.kind or data.fit.
    Raises DataError if a photograph both trains and is tested, with exactly the same pixels: its result says nothing.
    """
    title = f"{source.name}: examining"
    found = thumbnails(source.items, fit=source.fit, max_pixels=source.max_pixels, bits=bits, title=title)
    count = len(source.items) - len(source.test)
    tested = [one for one in found[count:] if one.item.defect == GOOD]
    good = [*found[:count], *tested]
    twice, copied = _copied(source, found)
    guess = guess_kind(found[: len(source.train)])
    odd, typical = unlike(good)
    lines = [
        *other_kind(source, guess, fixed=fixed),
        *_turned(source, found[: len(source.train)]),
        *twice,
        *_unlike(source, good, odd),
    ]
    lines += [
        f"{source.name}: {line}" for line in (*sizes(found, source.fit, fixed=fixed), *exposures(found[:count], tested))
    ]
    named = [(_name(source, good[one.place].item), "unlike the others", one.reason) for one in odd]
    named += [(_name(source, one.item), "the smaller of two groups", why) for one, why in smaller_groups(found[:count])]
    return Examination(
        guess,
        tuple(lines),
        tuple((good[one.place].item, one.reason) for one in odd),
        tuple(good[place].item for place in typical[:TYPICAL]),
        tuple(copied + named),
    )


def table(examination: Examination) -> str:
    """The rows as CSV: file, finding, reason."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", "finding", "reason"), *examination.rows])
    return text.getvalue()


def _turned(source: Source, training: Sequence[Thumbnail]) -> list[str]:
    """Parts that lie turned in many ways, where the training turns nothing."""
    if (
        source.kind != "object"
        or source.augmentation.rotate > FAR
        or (share := share_turned(training, source.fit)) < SHARE
    ):
        return []
    seen = f"the parts lie turned in many ways: {share:.0%} of the pairs of photographs match better after a turn"
    return [f"{source.name}: {seen}; if each turned part is good, set data.augmentation.rotate=180"]


def _unlike(source: Source, good: Sequence[Thumbnail], odd: Sequence[Odd]) -> list[str]:
    if not odd:
        return []
    named = [f"{_name(source, good[one.place].item)} ({one.reason})" for one in odd]
    found = f"{len(odd)} of {len(good)} good photographs are unlike the others: {_listed(named)}"
    return [f"{source.name}: {found}; check them, and move elsewhere what is no good part"]


def _copied(source: Source, found: Sequence[Thumbnail]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Lines and rows of the photographs that are there twice. Raises DataError: see `examine`."""
    groups = copies(found, source.max_pixels)
    uses = _uses(source)
    across = [one for one in groups if len({uses[place] for place in one.members}) > 1]
    within = [one for one in groups if one not in across]
    named = {group: _equation(source, found, group, uses) for group in groups}
    if same := [named[one] for one in across if one.identical]:
        mend = "such a test says nothing: delete one of each, or set data.examine=false"
        raise DataError(f"{source.root}: the same photograph in two places: {_listed(same)}; {mend}")
    lines = []
    if near := [named[one] for one in across]:
        mend = "the result becomes too good: delete one of each"
        lines.append(f"{source.name}: almost the same photograph in two places: {_listed(near)}; {mend}")
    if again := [named[one] for one in within]:
        mend = "each counts as several: delete all but one"
        lines.append(f"{source.name}: the same photograph several times: {_listed(again)}; {mend}")
    rows = []
    for one in groups:
        first, *others = (_name(source, found[place].item) for place in one.members)
        word = "the same photograph" if one.identical else "almost the same photograph"
        rows += [(name, word, first) for name in others]
    return lines, rows


def _uses(source: Source) -> list[str]:
    """What each of source.items is for."""
    tested = ["tested as good" if item.defect == GOOD else "tested as defective" for item in source.test]
    held = ["held out"] * (len(source.spare) + len(source.apart))
    return ["training"] * len(source.train) + held + tested


def _equation(source: Source, found: Sequence[Thumbnail], group: Copies, uses: Sequence[str]) -> str:
    """The members, with = between them."""
    named = [f"{_name(source, found[place].item)} ({uses[place]})" for place in group.members]
    return " = ".join(named[:NAMED]) + (" = …" if len(named) > NAMED else "")


def _listed(named: Sequence[str]) -> str:
    more = len(named) - NAMED
    return ", ".join(named[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _name(source: Source, item: Item) -> str:
    path = item.image
    return path.relative_to(source.root).as_posix() if path.is_relative_to(source.root) else path.as_posix()
