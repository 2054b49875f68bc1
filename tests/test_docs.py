"""Every row of the tables in docs/code.md names a file that exists and something that it defines; no link is broken."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "code.md").read_text(encoding="utf-8"))


def defined(tree: ast.AST, above: str = "") -> Iterator[str]:
    """Dotted names of all functions and classes of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield f"{above}{node.name}"
            yield from defined(node, f"{above}{node.name}.")


def lacking(root: Path, file: str, name: str) -> str | None:
    """What is wrong with a row, None where nothing is."""
    path = root / file if file.startswith("conf/") else root / "src" / "renormal" / file
    if not path.is_file():
        return f"{file} does not exist"
    text = path.read_text(encoding="utf-8")
    known = set(defined(ast.parse(text))) if path.suffix == ".py" else {name} & set(re.findall(r"[\w.]+", text))
    return None if name in known else f"{file} does not define {name}"


def test_the_tables_are_found() -> None:
    assert {("projection/project.py", "project"), ("conf/projection/eq8_adam.yaml", "projections.eq8_adam")} <= set(
        ROWS
    )


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_every_step_is_in_the_code(file: str, name: str) -> None:
    assert lacking(ROOT, file, name) is None


@pytest.mark.parametrize(
    ("file", "name", "reason"),
    [
        ("lit/made.py", "f", "lit/made.py does not exist"),
        ("metrics/anomaly.py", "made", "metrics/anomaly.py does not define made"),
        ("metrics/anomaly.py", "update", "metrics/anomaly.py does not define update"),
        ("conf/config.yaml", "made_up", "conf/config.yaml does not define made_up"),
    ],
)
def test_a_planted_row_is_found(file: str, name: str, reason: str) -> None:
    assert lacking(ROOT, file, name) == reason


LINKS = [
    (path, link)
    for path in (
        ROOT / "README.md",
        ROOT / "RESULTS.md",
        ROOT / "examples" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("path", "link"), LINKS, ids=lambda part: str(getattr(part, "name", part)))
def test_a_link_leads_to_a_file(path: Path, link: str) -> None:
    assert (path.parent / link).exists() or link == "messages.md", "make docs writes messages.md alone"


MESSAGES = "\n".join(
    " ".join(text.split())
    for path in sorted((ROOT / "src").rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Constant) and isinstance(text := node.value, str)
)
QUOTED = re.findall(
    r"`([^`]+)`",
    "\n".join(
        line
        for line in (ROOT / "docs" / "questions.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("**`")
    ),
)


@pytest.mark.parametrize("message", [quoted for quoted in QUOTED if " " in quoted])
def test_a_message_of_the_questions_is_in_the_code(message: str) -> None:
    assert message in MESSAGES


def test_the_page_of_messages_has_them_with_names_for_values(tmp_path: Path) -> None:
    messages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["messages"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "made.py").write_text(
        'MEND = "draw it again"\n'
        "def check(mask):\n"
        "    if mask.size != 2:\n"
        '        raise ValueError(f"{mask.path}: has {mask.size} pixels: " f"{MEND}")\n'
        "    raise KeyError(mask)\n"
    )
    assert messages(tmp_path) == {"data": ["‹path›: has ‹size› pixels: draw it again"]}
    assert sum(map(len, messages(ROOT / "src" / "renormal").values())) > 400
