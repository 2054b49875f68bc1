"""Writes the page of all messages from the code: what is raised, refused, logged and printed, by package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HEAD = """# All messages

Made from the code when this documentation is built. A ‹name› stands for a value, ‹…› for one without a name. Some
messages are put together from several lines of this page. Search for three words of your message that are no name,
number or path. Where a command refuses its settings or its files, the exit status is 2, and nothing has been computed.
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
    "schema": "What a record holds",
}
REST = "All commands"
PRINTED = re.compile(r"(?<!%)%[-+.\d]*[a-z]|\{[\w.:%]*\}")  # of a log line, and of str.format
SENTENCE = re.compile(r"(?<![\w.])[a-zA-Z]+(?:[ ,:;]+(?:‹[^›]*› )*[a-zA-Z]+){2,}")
NO_MESSAGE = re.compile(r"^[<#|\\(]|=\"|\(\?|\.\*|\||`")  # HTML, LaTeX, a heading, an expression
TEXTS_OF_ITS_OWN = ("help", "description", "epilog", "title")  # --help says these


def constants(module: ast.Module) -> dict[str, str]:
    """Name → text of a module's own texts."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name) and name.id.isupper():
            text = template(node.value, {})
            if text is not None:
                found[name.id] = text
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


def texts(node: ast.AST, known: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Each text below a node, and whether it is raised as it is. Docstrings and descriptions are none."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
        raised = template(node.exc.args[-1], known)
        if raised and " " in raised:
            yield raised, True
    text = template(node, known) if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) else None
    if text is not None:
        yield text, False
    for below in ast.iter_child_nodes(node):
        if text is None or isinstance(below, ast.FormattedValue):
            yield from () if is_described(node, below) else texts(below, known)


def is_described(node: ast.AST, below: ast.AST) -> bool:
    """A docstring, the text of --help or of docs/settings.md, or a list of words."""
    return (
        (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant))
        or (isinstance(below, ast.keyword) and below.arg in TEXTS_OF_ITS_OWN)
        or (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated")
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in ("_set", "re.compile", "warnings.filterwarnings"))
    )


def dotted(path: Path, package: Path) -> str:
    """renormal.data.kind for src/renormal/data/kind.py."""
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(module: ast.Module, own: dict[str, dict[str, str]]) -> dict[str, str]:
    """Name → text of what a module imports from others. own: module → its own texts."""
    lines = [(node.module or "", node.names) for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {
        name.asname or name.name: own[source][name.name]
        for source, names in lines
        for name in names
        if name.name in own.get(source, {})
    }


def messages(package: Path) -> dict[str, list[str]]:
    """Package → the messages of its code."""
    found: dict[str, set[str]] = {}
    modules = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    own = {dotted(path, package): constants(module) for path, module in modules.items()}
    for path, module in modules.items():
        room, known = path.relative_to(package).parts[0], imported(module, own) | own[dotted(path, package)]
        for text, raised in texts(module, known):
            line = PRINTED.sub("‹…›", " ".join(text.split()).lstrip(",;: ")).replace("%%", "%")
            if raised or (SENTENCE.search(line) and not NO_MESSAGE.search(line)):
                found.setdefault(room if room in ROOMS else REST, set()).add(line)
    return {room: sorted(lines, key=str.lower) for room, lines in found.items()}


def write_messages(page: Path, package: Path) -> None:
    found, lines = messages(package), [HEAD]
    for room, title in (*ROOMS.items(), (REST, REST)):
        if room in found:
            lines += [f"## {title}\n", *(f"- ``{text}``" for text in found[room]), ""]
    text = "\n".join(lines)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")
