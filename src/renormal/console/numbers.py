"""Numbers as they are typed. Python's int and float also take 1_0, spaces, other scripts' digits, NaN and infinity."""

from __future__ import annotations

import argparse
import math
import re

from renormal.console.text import printable

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?")
SHOWN = 40  # characters of a wrong text in a message


class NumberError(argparse.ArgumentTypeError, ValueError):
    """A text that is no number. argparse puts the option before the message."""


def whole(text: str) -> int:
    """A whole number of at most 18 ASCII digits. Raises NumberError for another text."""
    if not WHOLE.fullmatch(text):
        raise NumberError(f"{quoted(text)} is no whole number: write it in digits, as in 12")
    return int(text)


def decimal(text: str) -> float:
    """A finite number in ASCII digits, such as 0.05 or 1e-3. Raises NumberError for another text."""
    if not DECIMAL.fullmatch(text) or not math.isfinite(value := float(text)):
        raise NumberError(f"{quoted(text)} is no number: write it as in 0.05 or 1e-3")
    return value


def quoted(text: str) -> str:
    return repr(printable(text[:SHOWN]))
