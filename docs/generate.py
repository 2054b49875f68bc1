"""Writes the page of all messages from the code: what is raised, by package."""

from __future__ import annotations

import ast
from pathlib import Path

HEAD = """# All messages

Made from the code when this documentation is built. A ‹name› stands for a value. Where a command refuses its settings
or its files, the exit status is 2, and nothing has been computed.
[Questions](questions.md) answers the most frequent ones.
"""
SKIPPED = {"join", "sorted", "map", "str", "repr", "len", "shown", "text", "tuple", "type", "int", "set", "list"}
ROOMS = {
    "data": "Photographs, masks and tables",
    "settings": "Settings",
    "job": "One job",
    "sweep": "Sweeps",
    "inspect": "New photographs, finished jobs",
    "report": "Reports and records",
    "choose": "Settings chosen without labels",
    "boards": "Dashboards",
    "lit": "Training and test",
    "projection": "The projection",
    "models": "Autoencoders",
    "scores": "Scores",
    "metrics": "Metrics",
    "functional": "Formulas",
}


def template(node: ast.expr) -> str | None:
    """The text of a message, with ‹name› for each value; None where it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part if (part := template(value)) is not None else shown(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = template(node.left), template(node.right)
        return None if None in sides else "".join(side for side in sides if side)
    return None


def shown(value: ast.expr) -> str:
    """‹size› for {image.size}, ‹name› for {', '.join(name)}: the last name in a value says what it is."""
    names = [
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(value)
        if isinstance(node, ast.Attribute | ast.Name)
    ]
    words = [name for name in names if name not in SKIPPED]
    return f"‹{words[0].strip('_').replace('_', ' ')}›" if words else "‹…›"


def messages(package: Path) -> dict[str, list[str]]:
    """Package → the messages that its code raises."""
    found: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = template(node.exc.args[-1])
                if text and " " in text:
                    found.setdefault(room, set()).add(" ".join(text.split()))
    return {room: sorted(texts, key=str.lower) for room, texts in found.items()}


def write_messages(page: Path, package: Path) -> None:
    found, lines = messages(package), [HEAD]
    for room, title in ROOMS.items():
        if room in found:
            lines += [f"## {title}\n", *(f"- ``{text}``" for text in found[room]), ""]
    text = "\n".join(lines)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")
