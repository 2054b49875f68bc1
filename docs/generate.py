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


def constants(module: ast.Module) -> dict[str, str]:
    """Name → text of a module's own texts."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = template(node.value, {})
            if text is not None:
                found[node.targets[0].id] = text
    return found


def template(node: ast.expr, known: dict[str, str]) -> str | None:
    """The text of a message, with ‹name› for each value; None where it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.FormattedValue):
        return template(node.value, known)
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.JoinedStr):
        return "".join(part if (part := template(one, known)) is not None else shown(one) for one in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left, known), template(node.right, known)
        return None if left is None or right is None else left + right
    return None


def shown(value: ast.expr) -> str:
    """‹size› for {image.size}, ‹names› for {', '.join(names)}: the last name in a value says what it is."""
    nodes = ast.walk(value)
    named = (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes)
    words = [name for name in named if name and name not in SKIPPED]
    return f"‹{words[0].strip('_').replace('_', ' ').lower()}›" if words else "‹…›"


def messages(package: Path) -> dict[str, list[str]]:
    """Package → the messages that its code raises."""
    found: dict[str, set[str]] = {}
    modules = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    shared = {name: text for module in modules.values() for name, text in constants(module).items()}
    for path, module in modules.items():
        room, known = path.relative_to(package).parts[0], shared | constants(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = template(node.exc.args[-1], known)
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
