"""The floors of the house: imports point down, neighbours do not meet, each floor knows only its own packages."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "renormal"
# one room: these import each other
ENTRANCE = (
    "run.py job.py build.py ranks.py sweep.py recipe.py machine.py weights.py loggers.py state.py plan.py keys.py "
    "beside.py cluster.py calibrate.py choice.py search.py inpaint.py recording.py"
)
FLOORS = {  # room → floor
    ENTRANCE: 5,
    "lit": 4,
    "report": 4,
    "metrics.py": 3,
    "wandb_run.py": 3,
    "models": 2,
    "projection": 2,
    "scores": 2,
    "data": 2,
    "functional": 1,
    "contracts.py": 0,
}
ANYTHING = None
OUTSIDE: dict[str, set[str] | None] = {  # room → packages beside the standard library
    ENTRANCE: ANYTHING,
    "lit": {"torch", "lightning", "wandb", "matplotlib", "PIL", "numpy", "tqdm", "skimage"},
    "report": {"matplotlib", "PIL", "numpy", "jinja2", "rich", "tabulate", "wandb"},
    "metrics.py": {"torch", "torchmetrics"},
    "wandb_run.py": {"wandb"},
    "models": {"torch"},
    "projection": {"torch"},
    "scores": {"torch"},
    "data": {"torch", "kornia", "PIL", "numpy", "scipy", "tqdm"},
    "functional": {"torch", "kornia"},
    "contracts.py": {"torch"},
}


def room_of(parts: tuple[str, ...]) -> str | None:
    """The room of a module: ("lit", "panels.py") → "lit", ("metrics",) or ("metrics.py",) → "metrics.py"."""
    names = {parts[0], f"{parts[0]}.py"}
    return next((room for room in FLOORS if names & set(room.split())), None)


def imported(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, wherever in the file it stands."""
    home = (package.name, *path.relative_to(package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else ()
            source = ".".join((*base, *filter(None, [node.module])))
            names = [f"{source}.{alias.name}" for alias in node.names] if source == package.name else [source]
            yield from ((node.lineno, name) for name in names)


def objection(room: str, name: str, package: str) -> str | None:
    """Why a file of `room` may not import `name`."""
    top, *rest = name.split(".")
    if top != package:
        allowed = OUTSIDE[room]
        known = allowed is ANYTHING or top in allowed or top in sys.stdlib_module_names
        return None if known else f"{room} may not import {top}"
    other = room_of(tuple(rest)) if rest else None
    if other is None:
        return f"{name} stands in no room"
    if other == room or FLOORS[other] < FLOORS[room]:
        return None
    return f"{room} on floor {FLOORS[room]} may not import {other} on floor {FLOORS[other]}"


def violations(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        room = room_of(place.parts)
        if room is None:
            imports = list(imported(path, package))
            if place.parts != ("__init__.py",) or imports:  # the package's own page holds nothing but its docstring
                found.append(f"{place} stands in no room")
            continue
        reasons = ((line, objection(room, name, package.name)) for line, name in imported(path, package))
        found += [f"{place}:{line}: {reason}" for line, reason in reasons if reason]
    return found


def test_every_import_points_down() -> None:
    assert violations(PACKAGE) == []


def test_every_room_exists() -> None:
    assert [name for room in FLOORS for name in room.split() if not (PACKAGE / name).exists()] == []


@pytest.mark.parametrize(
    ("place", "line", "reason"),
    [
        ("projection/made.py", "import lightning", "projection may not import lightning"),
        ("projection/made.py", "from renormal.scores import DSSIM", "floor 2 may not import scores on floor 2"),
        ("projection/made.py", "from ..models.base import ConvAutoencoder", "may not import models on floor 2"),
        ("projection/made.py", "from renormal import lit", "floor 2 may not import lit on floor 4"),
        ("projection/made.py", "def f():\n    import numpy", "projection may not import numpy"),
        ("contracts.py", "from renormal.functional.norms import float32", "floor 0 may not import functional"),
        ("metrics.py", "if TYPE_CHECKING:\n    from renormal.lit import panels", "floor 3 may not import lit"),
        ("report/made.py", "from renormal.lit.panels import heat", "floor 4 may not import lit on floor 4"),
        (
            "data/deep/made.py",
            "from ...job import run_job",
            f"floor 2 may not import {ENTRANCE}",
        ),
        ("lit/made.py", "from omegaconf import DictConfig", "lit may not import omegaconf"),
        ("lit/made.py", "from renormal.utils import helper", "renormal.utils stands in no room"),
        ("lit/made.py", "import renormal", "renormal stands in no room"),
        ("utils.py", "", "utils.py stands in no room"),
        ("helpers/__init__.py", "", "helpers/__init__.py stands in no room"),
        ("__init__.py", "from renormal.run import main", "__init__.py stands in no room"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, place: str, line: str, reason: str) -> None:
    path = tmp_path / "renormal" / place
    path.parent.mkdir(parents=True)
    path.write_text(line)
    (found,) = violations(tmp_path / "renormal")
    assert reason in found


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("projection/made.py", "import math\nimport torch\nfrom .energy import Energy\nfrom renormal import contracts"),
        ("job.py", "import hydra\nfrom renormal.run import CONF\nfrom renormal.lit import panels"),
        (
            "lit/deep/made.py",
            "import lightning.pytorch as pl\nfrom ..panels import heat\nfrom renormal.data import mvtec",
        ),
        ("__init__.py", '"""A page."""'),
    ],
)
def test_an_import_that_points_down_is_left_alone(tmp_path: Path, place: str, line: str) -> None:
    path = tmp_path / "renormal" / place
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert violations(tmp_path / "renormal") == []
