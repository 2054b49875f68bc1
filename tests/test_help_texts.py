"""Every argument of every command says what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def arguments(code: str) -> dict[str, bool]:
    """Name of an argument → whether it has a help text. One whose help is empty has none."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    found = {}
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            helps = [one.value for one in call.keywords if one.arg == "help"]
            text = helps[0].value if helps and isinstance(helps[0], ast.Constant) else ""
            found[ast.unparse(call.args[0])] = bool(text) or bool(helps and not isinstance(helps[0], ast.Constant))
    return found


def test_arguments_without_a_text_are_found() -> None:
    code = "p.add_argument('a')\np.add_argument('--b', help='')\np.add_argument('--c', help='what c is')"
    assert arguments(code) == {"'a'": False, "'--b'": False, "'--c'": True}


COMMANDS = [path for room in ("src", "benchmarks") for path in sorted((ROOT / room).rglob("*.py"))]
COMMANDS = [path for path in COMMANDS if "add_argument" in path.read_text(encoding="utf-8")]


def test_the_commands_are_there() -> None:
    assert {"cli.py", "inpaint.py"} <= {path.name for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_every_argument_has_a_help_text(path: Path) -> None:
    assert [name for name, there in arguments(path.read_text(encoding="utf-8")).items() if not there] == []
