"""Cells of a table whose seeds were made by different recipes, or from different images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from renormal.report.models import label
from renormal.report.neutral import ELSEWHERE, TRAINER, is_neutral
from renormal.report.record import Record
from renormal.report.settings import ABSENT, Difference, differences, grouped

Cells = Mapping[tuple[str, str], str]  # (model, category) → in what its seeds differ
SHOWN = 5  # names in one line, ours

# Parts of the config that change no number of the table, or that show in another key.
ASIDE = frozenset(
    {
        *("name", "folder", "progress", "threads", "rerun", "logger", "dashboard", "stages", "checkpoint", "row"),
        *("descent", "budget", "rarity"),  # their values show in projections and in trainer
        *("model.label", "choose.settings", "trainer.precision"),
        *("test.samples", "test.panels", "test.limit", "test.drawn", "test.path", "test.curves"),
        *(f"trainer.{key}" for key in TRAINER - {"devices", "num_nodes"}),
        *(f"data.{key}" for key in ELSEWHERE if key != "source"),
        *(f"data.source.{key}" for key in (*ELSEWHERE, "max_pixels")),
    }
)
SPEED = ("slots", "check_every")  # of a projection


def mixed_cells(records: Iterable[Record]) -> Cells:
    """In what the seeds of a model and a category differ, other than the seed; cells of one recipe are left out."""
    cells: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        cells.setdefault((record.model, record.category), []).append(record)
    return {cell: text for cell, same in cells.items() if (text := differ_in(same))}


def differ_in(records: Sequence[Record]) -> str:
    """Keys, precision and images in which the records differ; empty for one recipe."""
    found = [one for one in differences(records) if counts(one)]
    found += grouped("precision", [str(record.device.get("precision", ABSENT)) for record in records], records)
    found += grouped("images", [images_of(record, records) for record in records], records)
    shown = [f"{one.key} is " + ", ".join(f"{value} for {jobs}" for value, jobs in one.values) for one in found]
    more = f"; and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return "; ".join(shown[:SHOWN]) + more


def counts(difference: Difference) -> bool:
    """Whether a key changes numbers: it is no matter of speed or place, and not only missing in an older record."""
    parts = difference.key.split(".")
    if any(".".join(parts[:end]) in ASIDE for end in range(1, len(parts) + 1)) or parts[-1] in SPEED:
        return False
    values = [value for value, _ in difference.values if value != ABSENT]
    neutral = [is_neutral(key, decoded(value)) for key in (difference.key, parts[-1]) for value in values]
    return len(values) > 1 or not any(neutral)


def decoded(value: str) -> object:
    """A value as the config has it: text stays text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def images_of(record: Record, records: Sequence[Record]) -> str:
    """Numbers of images, and the digest of their files where every record has one."""
    number = [record.data.get(key, 0) for key in ("train_images", "test_good", "test_defective")]
    text = f"{number[0]} for training and {number[1]} + {number[2]} for the test"
    whole = all("data" in one.hashes for one in records)
    return f"{text} (contents {record.hashes['data'][:8]})" if whole else text


def other_images(records: Sequence[Record]) -> list[str]:
    """A line for each category whose models were not trained and tested on the same files."""
    lines = []
    for category in dict.fromkeys(record.category for record in records):
        same = [record for record in records if record.category == category and "data" in record.hashes]
        for one in grouped("images", [images_of(record, same) for record in same], same):
            lines.append(
                f"{category}: different images: " + ", ".join(f"{value} for {jobs}" for value, jobs in one.values)
            )
    return lines


def notes_on_recipes(cells: Cells, records: Sequence[Record]) -> list[str]:
    """A line for all cells that differ in the same way, then one for each category with different images."""
    labels = {record.model: label(record) for record in records}
    by_text: dict[str, list[str]] = {}
    for (model, category), text in cells.items():
        by_text.setdefault(text, []).append(f"{labels[model]} {category}")
    lines = []
    for text, names in by_text.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"{', '.join(names[:SHOWN])}{more}: the mean is over seeds of different recipes: {text}")
    return lines + ([] if cells else other_images(records))
