"""Photographs whose scores say little, being unlike those of the training or among them: counted, said in a line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from renormal.data.exposure import STRETCH
from renormal.inspect.finished import Finished
from renormal.inspect.predictions import Line
from renormal.job.trained_on import seen_by
from renormal.lit.training_length import ENOUGH

COLOURS = {True: "grey", False: "in colour"}
FEW = (
    "the network has seen {images:.0f} images (a photograph counts as often as it was seen), which are few: it misses "
    "defects; train it longer (budget=full, or more minutes=)"
)
NOTES = {
    "colours": "{colours}: its score says little",
    "shape": "another shape than in training: its score says little",
    "trained on": "the network was trained on it: its score is too low to judge by",
}
MEND = "give photographs like those, or train on some like these"


def images_of(job: Finished) -> float:
    """The training images of a network that minutes= have limited, with those of continue=; infinite for another."""
    record = job.record
    limited = record.config.get("minutes") is not None
    images = record.training.get("images") if limited else None
    before = record.training.get("images_before", 0.0 if record.config.get("continue") is None else None)
    return math.inf if images is None or before is None else before + images


def within(shape: float, shapes: Sequence[float]) -> bool:
    """Whether width / height is about one of those in training. shapes: from the least to the largest."""
    return shapes[0] / STRETCH <= shape <= shapes[-1] * STRETCH


def few_images(jobs: Sequence[Finished]) -> list[str]:
    """A line if a network of these jobs has seen few images; else none."""
    images = min(map(images_of, jobs))
    return [FEW.format(images=images)] if images < ENOUGH else []


class Doubts:
    """Looks at the line of each photograph. jobs: those that answer, of one data set."""

    def __init__(self, jobs: Sequence[Finished]) -> None:
        data = jobs[0].record.data
        self.grey = {"grey": True, "colour": False}.get(data.get("colours", ""))
        self.shapes = data.get("shapes", []) if data.get("fit", "squash") == "squash" else []
        self.few = few_images(jobs)
        self.trained_on = frozenset[str]().union(*(seen_by(str(job.folder)) or () for job in jobs))
        self.total, self.counts, self.first = 0, Counter[str](), dict[str, Line]()

    def look(self, line: Line) -> None:
        """Count a photograph that was read."""
        if "error" in line:
            return
        self.total += 1
        for doubt in self.of(line):
            self.counts[doubt] += 1
            self.first.setdefault(doubt, line)

    def of(self, line: Line) -> list[str]:
        """The doubts in the answer on a photograph that was read."""
        unlike = self.shapes and not within(line["width"] / line["height"], self.shapes)
        found = {
            "colours": None not in (self.grey, line.get("grey")) and line["grey"] != self.grey,
            "shape": unlike,
            "trained on": line["sha256"] in self.trained_on,
        }
        return [doubt for doubt, holds in found.items() if holds]

    def noted(self, line: Line) -> Line:
        """The line with its doubts as its note, if it has any."""
        doubts = [] if "error" in line else self.of(line)
        own = {"colours": f"{COLOURS[not self.grey]}, and the training photographs were {COLOURS[bool(self.grey)]}"}
        notes = [NOTES[doubt].format(**own) for doubt in doubts]
        return line | {"note": "; ".join(notes)} if notes else line

    @property
    def lines(self) -> list[str]:
        """What was found, a line for each doubt, with the first photograph of it."""
        said = {"colours": self._colours, "shape": self._shape, "trained on": self._trained_on}
        return self.few + [
            f"{count} of {self.total} photographs {said[doubt](self.first[doubt])}"
            for doubt, count in self.counts.items()
        ]

    def _colours(self, line: Line) -> str:
        trained = COLOURS[bool(self.grey)]
        other = f"are {COLOURS[not self.grey]} ({line['image']}), and the training photographs were {trained}"
        return f"{other}: their scores say little; {MEND}"

    def _shape(self, line: Line) -> str:
        low, high = (f"{shape:.2f}" for shape in (self.shapes[0], self.shapes[-1]))
        trained = low if low == high else f"{low} to {high}"
        size = f"{line['image']}: {line['width']} × {line['height']}"
        other = f"have another shape ({size}) than the training photographs (width / height = {trained})"
        return f"{other}: squashed to a square, their parts look deformed, and their scores say little; {MEND}"

    def _trained_on(self, line: Line) -> str:
        known = f"were trained on ({line['image']}), so that their scores are too low to judge by"
        return f"{known}; predict photographs that the network has not seen"
