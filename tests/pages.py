"""The text of README and docs, for the tests of their commands."""

from __future__ import annotations

import re
from pathlib import Path


def page(path: Path) -> str:
    """The text of a page, in which a command that is broken by backslashes is one line, as for a shell."""
    return joined(path.read_text(encoding="utf-8"))


def joined(text: str) -> str:
    """A comment does not go on in the next line, whatever it ends with."""
    return re.sub(r"^(?:[^#\n]*\\\n)+", lambda found: re.sub(r"\s*\\\n\s*", " ", found[0]), text, flags=re.MULTILINE)
