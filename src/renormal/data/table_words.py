"""What a cell of a table says: a good part or the name of a defect; training, validation or test."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from renormal.console.text import printable
from renormal.data.names import role, words_in
from renormal.data.source import GOOD

Part: TypeAlias = Literal["", "train", "validation", "test"]  # "": the table does not say

VALIDATION = {"validation", "valid", "validate", "val", "dev", "validierung", "验证", "验证集", "検証"}
NUMBER = re.compile(r"([+-]?\d{1,9})(?:\.0*)?")
SIGNS = re.compile(r"[\W_]+")
NO, YES = {"no", "none", "false", "n"}, {"yes", "true", "y"}  # in a column called defect
UNCLEAR = NO | YES | {"nan", "null", "na", "nil", "unknown", "unlabeled", "unlabelled", "undefined", "todo"}
UNCLEAR |= {"b", "f", "g", "p", "t", "x"}  # bad or good, fail or pass, true or false
LONGEST = 80  # characters of a label, ours
WRITE = f"write {GOOD}, or the name of the defect"


def defect_of(label: str, column: str) -> str:
    """GOOD or the name of a defect. 0 is good, another number a defect. column: what the header calls the label.

    Raises ValueError, with the mend, for a label that may mean both.
    """
    key = SIGNS.sub("", label.casefold())
    if number := NUMBER.fullmatch(label):
        if (value := int(number[1])) < 0:
            raise ValueError(f"the label {label} may mean good or a defect; {WRITE}")
        return GOOD if value == 0 else f"defect {value}"
    if SIGNS.sub("", column.casefold()) == "defect" and key in NO | YES:
        return GOOD if key in NO else "defective"
    kind = role(label)
    if kind == "good":
        return GOOD
    if kind in ("train", "test", "unread"):
        raise ValueError(f"the label {label} names a split; {WRITE}")
    if key in UNCLEAR or not key or kind in ("doubtful", "images"):
        raise ValueError(f"the label {label} may mean good or a defect; {WRITE}")
    if len(label) > LONGEST or printable(label) != label:
        raise ValueError(f"a label of more than {LONGEST} characters, or with control characters; {WRITE}")
    return label


def is_number(label: str) -> bool:
    """Whether a label is a number."""
    return NUMBER.fullmatch(label) is not None


def part_of(split: str) -> Part:
    """What the images of this split are used for. Raises ValueError, with the mend, where it is not clear."""
    if not split:
        return ""
    kind = role(split)
    if kind == "train" or kind == "test":
        return kind
    if "".join(words_in(split)) in VALIDATION:
        return "validation"
    raise ValueError(f"the split {split} is not known; write train, validation or test, or leave the cell empty")
