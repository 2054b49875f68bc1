"""Where is eq. 8? Each equation and section of the paper has one home, and docs/method.md points to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "renormal"
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
HOMES = {
    "eq. 1": "renormal.models.vae.VAE.training_loss",
    "eq. 2": "renormal.projection.anogan.AnoGANEnergy",
    "eq. 3": "renormal.projection.stop.Threshold",
    "eq. 4": "renormal.projection.energy.Energy",
    "eq. 5": "renormal.projection.direction.Gradient",
    "eq. 6": "renormal.projection.latent.LatentEnergy",
    "eq. 7": "renormal.projection.mask.known_mask",
    "eq. 8": "renormal.projection.mask.error_mask",
    "section 3.1": "renormal.projection.project.project",
    "section 3.4": "renormal.projection.direction.Adam",
    "section 3.5": "renormal.projection.stop.Plateau",
    "appendix A": "renormal.scores.gradient.GradientScore",
}
TAG = re.compile(r"\((eq\. \d+|section \d+(?:\.\d+)?|appendix [A-Z])\)\.$")
ROW = re.compile(r"^\| *((?:eq\.|section|appendix) [^|]*?) *\| *\[`([\w.]+)`\]\(\.\./src/([\w/]+\.py)\) *\|")


def documented(tree: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    """(dotted name, first docstring line) of a module and of everything in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            own = f"{name}.{node.name}"
            yield own, (ast.get_docstring(node) or "").partition("\n")[0]
            yield from documented(node, own)


def homes(package: Path) -> dict[str, list[str]]:
    """tag → objects whose first docstring line ends in it."""
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        module = ".".join(part for part in parts if part != "__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = [(module, (ast.get_docstring(tree) or "").partition("\n")[0]), *documented(tree, module)]
        for name, line in lines:
            if match := TAG.search(line):
                found.setdefault(match[1], []).append(name)
    return found


def complaints(package: Path, expected: dict[str, str]) -> list[str]:
    """What stands between the docstrings and the dictionary."""
    found = homes(package)
    return [
        f"{tag}: expected {expected.get(tag, 'no home')}, found {found.get(tag, 'no home')}"
        for tag in sorted({*expected, *found})
        if found.get(tag) != [expected.get(tag)]
    ]


def index(page: str) -> dict[str, tuple[str, str]]:
    """The table of docs/method.md between its two markers: tag → public name and file."""
    _, _, rest = page.partition("<!-- equations -->")
    table, end, _ = rest.partition("<!-- /equations -->")
    assert end, "docs/method.md has no table between <!-- equations --> and <!-- /equations -->"
    return {match[1]: (match[2], match[3]) for line in table.splitlines() if (match := ROW.match(line))}


def public(home: str) -> str:
    """renormal.projection.mask.error_mask → renormal.projection.error_mask: the name that a room shows the others."""
    package, room, _, *name = home.split(".")
    return ".".join((package, room, *name))


def file_of(home: str) -> str:
    """renormal.projection.mask.error_mask → renormal/projection/mask.py."""
    return "/".join(home.split(".")[:3]) + ".py"


def test_every_equation_has_one_home() -> None:
    assert complaints(PACKAGE, HOMES) == []


def test_the_index_in_the_docs_is_this_dictionary() -> None:
    assert index(METHOD) == {tag: (public(home), file_of(home)) for tag, home in HOMES.items()}


def test_the_loop_in_the_docs_is_that_of_the_code() -> None:
    code = (PACKAGE / "projection" / "reference.py").read_text(encoding="utf-8")
    assert code.endswith(re.findall(r"```python\n(def .*?)```", METHOD, flags=re.DOTALL)[0])
    assert re.findall(r"x - α \* move  # eq\. 5;.* eq\. 8$", code, flags=re.MULTILINE)


@pytest.mark.parametrize("home", HOMES.values())
def test_the_name_in_the_index_can_be_imported(home: str) -> None:
    package, room, *names = public(home).split(".")
    value = __import__(f"{package}.{room}", fromlist=["*"])
    for name in names:
        value = getattr(value, name)
    assert value.__qualname__ == ".".join(names)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('def f():\n    """y = x (eq. 8)."""', []),
        ('class A:\n    def f(self):\n        """y = x (eq. 8).\n\n        More.\n        """', []),
        ('def f():\n    """y = x (eq. 8), masked."""', ["eq. 8: expected {home}, found no home"]),
        ('def f():\n    """y = x.\n\n    As in (eq. 8).\n    """', ["eq. 8: expected {home}, found no home"]),
        (
            'def f():\n    """y = x (eq. 8)."""\ndef g():\n    """y = x (eq. 8)."""',
            ["eq. 8: expected {home}, found ['renormal.made.f', 'renormal.made.g']"],
        ),
        (
            'def f():\n    """y = x (eq. 8)."""\ndef g():\n    """y = x (appendix Z)."""',
            ["appendix Z: expected no home, found ['renormal.made.g']"],
        ),
    ],
)
def test_a_planted_home_is_found(tmp_path: Path, source: str, complaint: list[str]) -> None:
    package = tmp_path / "renormal"
    package.mkdir()
    (package / "made.py").write_text(source)
    home = "renormal.made.A.f" if "class A" in source else "renormal.made.f"
    assert complaints(package, {"eq. 8": home}) == [line.format(home=home) for line in complaint]


def test_the_index_is_read_from_its_table() -> None:
    row = "| eq. {} | [`a.b`](../src/a/b.py) |\n"
    table = f"{row.format(9)}<!-- equations -->\n| where | what |\n|---|---|\n{row.format(8)}<!-- /equations -->"
    assert index(table) == {"eq. 8": ("a.b", "a/b.py")}
