"""The page of predictions: one file that loads nothing from elsewhere, the defective photographs first."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from renormal.console.text import printable
from renormal.inspect.inputs import TABLE
from renormal.inspect.predictions import Line, is_near, ratio_text, state_of, times_threshold
from renormal.inspect.settled import ABOUT
from renormal.report.embedding import embedded, embedded_size
from renormal.report.status import private
from renormal.report.strips import path_in, read_picture
from renormal.report.templates import encoded, environment

SHOWN = {"defective": 60, "near": 30, "good": 24, "unread": 100}  # photographs of each group on the page, ours
SIDES = {"defective": 480, "near": 480, "good": 240}  # longer side of a picture in pixels, ours
BUDGET = 12_000_000  # bytes of all pictures, ours: as many as a page of renormal-report has
KINDS = 20  # notes that are counted, ours: a line of somebody else may have any


class Card(NamedTuple):
    """A photograph on the page. times: its score against the threshold, in words. picture: its overlay, or ""."""

    name: str
    times: str
    note: str
    picture: str
    size: tuple[int, int]


class Group(NamedTuple):
    """The photographs of one state. left_out: how many have no card. bare: how many cards have no picture."""

    state: str
    total: int
    cards: list[Card]
    left_out: int
    bare: int


class Gathered:
    """Counts the lines by state and note, and keeps those of the highest scores of each state."""

    def __init__(self) -> None:
        self.counts, self.notes = Counter[str](), Counter[str]()
        self.kept: dict[str, list[tuple[tuple[float, float], int, Line]]] = {state: [] for state in SHOWN}

    def look(self, line: Line) -> None:
        """Take a line. Of equal scores the first is kept."""
        state = "near" if is_near(line) else state_of(line)
        self.counts[state] += 1
        for note in str(line.get("note", "")).split("; "):
            if note and (note in self.notes or len(self.notes) < KINDS):
                self.notes[note] += 1
        kept, item = self.kept[state], (rank_of(line), -self.counts.total(), line)
        if len(kept) < SHOWN[state]:
            heapq.heappush(kept, item)
        else:
            heapq.heappushpop(kept, item)

    def lines(self, state: str) -> list[Line]:
        """The lines that are kept, the highest score first."""
        return [line for _, _, line in sorted(self.kept[state], reverse=True)]


def rank_of(line: Line) -> tuple[float, float]:
    """High for what is most likely defective: by its score; of several jobs together by a small p first."""
    if "error" in line:
        return (0.0, 0.0)
    return (-(line.get("p") or 1.0) if line.get("threshold") is None else 0.0, line["score"])


def page_of(folder: Path, settings: Any, gathered: Gathered, left_out: str = "") -> bytes:
    """The page of the lines that were gathered. left_out: files that were no images by their names."""
    counts = gathered.counts
    page = (
        environment()
        .get_template("predictions.html.j2")
        .render(
            title=printable(folder.resolve().name),
            written=time.strftime("%Y-%m-%d %H:%M"),
            about=about_of(settings),
            judged=counts.total() - counts["unread"],
            groups={group.state: group for group in groups_of(folder, gathered)},
            notes=[(printable(note), count) for note, count in gathered.notes.items()],
            left_out=printable(left_out),
            unread_count=counts["unread"],
            unread=[reason(line) for line in gathered.lines("unread")],
            table=TABLE,
        )
    )
    return encoded(page)


def about_of(settings: Any) -> dict[str, Any]:
    """What the settings say of the job. What is missing or no text, as in a file of somebody else, is left out."""
    about = settings.get(ABOUT) if isinstance(settings, dict) else None
    given = about if isinstance(about, dict) else {}
    lists = {key: given[key] if isinstance(given.get(key), list) else [] for key in ("promise", "doubts")}
    texts = {key: given[key] if isinstance(given.get(key), str) else "" for key in ("job", "trained")}
    return {
        **{key: printable(text) for key, text in texts.items()},
        **{key: [printable(text) for text in lines if isinstance(text, str)] for key, lines in lists.items()},
    }


def reason(line: Line) -> str:
    """Why a photograph was not judged: its name below the root, without the path of its folder, and what is wrong."""
    name, said = printable(line["image"]), private(line["error"])
    return f"{name}: {said.removeprefix(f'{Path(name).name}: ')}"


def groups_of(folder: Path, gathered: Gathered) -> list[Group]:
    """The photographs that are shown. Pictures are embedded as long as the budget lasts."""
    groups, room = [], BUDGET
    for state in SIDES:
        lines, cards = gathered.lines(state), []
        for line in lines:
            card = card_of(folder, line, SIDES[state] if room > 0 else 0)
            room -= len(card.picture)
            cards.append(card)
        bare = sum(not card.picture for card in cards)
        groups.append(Group(state, gathered.counts[state], cards, gathered.counts[state] - len(cards), bare))
    return groups


def card_of(folder: Path, line: Line, side: int) -> Card:
    """The card of a photograph. side: of its picture in pixels; 0: without a picture."""
    picture, size = "", (0, 0)
    if side and line.get("overlay"):
        try:
            path = path_in(folder, line["overlay"])
            picture, size = small(path, path.stat().st_mtime_ns, side)
        except (ValueError, OSError):
            pass  # it was deleted, or is too large: the card says that there is none
    return Card(printable(line["image"]), score_text(line), printable(str(line.get("note", ""))), picture, size)


@lru_cache(maxsize=sum(SHOWN.values()))
def small(path: Path, changed: int, side: int) -> tuple[str, tuple[int, int]]:
    """The picture as a data URI, and its size there. changed: when, so that --watch reads a picture once."""
    picture = read_picture(path, "RGB")
    picture.thumbnail((side, side), reducing_gap=2.0)
    return embedded(picture, side), embedded_size(picture.size, side)


def score_text(line: Line) -> str:
    """1.34 × the threshold; p where several jobs decide together; else the score."""
    times = times_threshold(line)
    if times is None:
        p = line.get("p") if line.get("threshold") is None else None
        return f"score {line['score']:.3g}" if p is None else f"p = {p:.2g}"
    return f"{ratio_text(times)} × the threshold"
