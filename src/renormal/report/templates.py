"""The templates of pages, their filters, and a page as bytes."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from renormal.console.text import readable
from renormal.report.status import duration
from renormal.report.words import word

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # commands of a terminal, all but tab and line end


def environment() -> Environment:
    """jinja2 with the templates of the page and their filters."""
    found = Environment(
        loader=PackageLoader("renormal.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(brief=brief, readable=readable, word=word, duration=duration, tint=tint)
    return found


def tint(change: float, digits: int) -> str:
    """CSS class of a change: "up", "down", or "" where it rounds to 0."""
    shown = round(change, digits)
    return "up" if shown > 0 else "down" if shown < 0 else ""


def encoded(page: str) -> bytes:
    """In UTF-8, with a sign in place of each command of a terminal."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", page).encode()


def brief(value: Any) -> str:
    """A number with three significant digits; – for None."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
