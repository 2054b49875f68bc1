"""`make docs`: Sphinx with MyST (Markdown) and furo writes docs/_build/html. Needs no network."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from generate import write_messages  # noqa: E402

project = "renormal"
author = "The renormal maintainers"
copyright = f"2026, {author}"  # noqa: A001
version = release = version_of("renormal")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings write `x` for code
myst_heading_anchors = 3
myst_linkify_fuzzy_links = False
nitpicky = False  # types in signatures are not linked
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
html_theme = "furo"
html_title = "renormal"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False

write_messages(HERE / "messages.md", HERE.parent / "src" / "renormal")


def plain(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings are text: |E| and x* are no markup. Of a module the first paragraph is shown."""
    if what == "module":
        del lines[lines.index("") + 1 if "" in lines else len(lines) :]
    lines[:] = [re.sub(r"([|*])", r"\\\1", line) for line in lines]


NUMBER = re.compile(r"(?<=\d)[ \n](?=\d{3}\b|%|(?:[kMGT]?i?B|px|m?s|min|h|images?)\b)")  # 23 400, 8 %, 4.3 GiB


def whole_numbers(app: Sphinx, doctree: nodes.document) -> None:
    """No line ends inside a number, nor between it and its unit."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.literal | nodes.literal_block) or not (NUMBER.search(text)):
            continue
        text.parent.replace(text, nodes.Text(NUMBER.sub("\N{NO-BREAK SPACE}", text)))


def turned(app: Sphinx, doctree: nodes.document) -> None:
    """A table with a column for each projection of several models shows them as rows, so that it fits on a screen.

    In such a table the first heading is empty, and every other is a model's name above a projection's.
    """
    for table in list(doctree.findall(nodes.table)):
        rows = [row.children for row in table.findall(nodes.row)]
        (first, *others), filled = rows[0], [row for row in rows if any(entry.astext() for entry in row[1:])]
        named = not first.astext() and all(any(entry.findall(nodes.raw)) for entry in others)
        if named and len(others) > max(8, len(filled)):
            table.replace_self(table_of([*zip(*filled, strict=True)]))


def table_of(rows: list[tuple[nodes.Element, ...]]) -> nodes.table:
    """The first row is its head."""
    head, *body = (nodes.row("", *row) for row in rows)
    for entry in head[1:]:
        entry["classes"] = ["text-right"]
    for row in body:
        row[0]["classes"] = ["text-left"]
    columns = [nodes.colspec("", colwidth=1) for _ in rows[0]]
    group = nodes.tgroup("", *columns, nodes.thead("", head), nodes.tbody("", *body), cols=len(columns))
    return nodes.table("", group, classes=["turned"])


def break_names(app: Sphinx, doctree: nodes.document) -> None:
    """A name in the head of a table may break after each _."""
    for head in doctree.findall(nodes.thead):
        for text in list(head.findall(nodes.Text)):
            first, *others = str(text).split("_")
            broken = ((nodes.raw("", "_<wbr>", format="html"), nodes.Text(part)) for part in others)
            text.parent.replace(text, [nodes.Text(first), *(node for pair in broken for node in pair)])


class Lines(HtmlFormatter[str]):
    """Each line of code is an element, so that a long command is indented where it goes on (tables.css)."""

    def wrap(self, source: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        lines = (
            (code, f'<span class="line">{line.rstrip()}</span>\n' if line.strip() else line) for code, line in source
        )
        return super().wrap(lines)


PygmentsBridge.html_formatter = Lines


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", plain)
    for change in (whole_numbers, turned, break_names):
        app.connect("doctree-read", change)
