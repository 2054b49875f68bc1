"""Every room has a floor: imports point down, rooms on one floor do not meet, and no files import in a circle."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
OWN = {"renormal", "hydra_plugins"}
FLOORS = {  # room → floor
    "commands.py": 8,
    "run.py": 8,
    "hydra_plugins": 8,
    "sweep": 7,
    "inspect": 7,
    "job": 6,
    "report": 5,
    "boards": 4,
    "choose": 4,
    "lit": 3,
    "projection": 2,
    "models": 2,
    "scores": 2,
    "metrics": 2,
    "data": 2,
    "functional": 1,
    "schema": 1,
    "settings": 1,
    "contracts.py": 0,
    "files.py": 0,
    "console": 0,
}
OUTSIDE = {  # room → packages outside of the standard library
    "commands.py": set(),
    "run.py": {"hydra", "omegaconf"},
    "hydra_plugins": {"hydra", "hydra_plugins", "omegaconf"},
    "sweep": {"hydra", "omegaconf", "yaml", "joblib", "submitit", "torch", "optuna"},
    "inspect": {
        *("PIL", "matplotlib", "numpy", "onnxruntime", "onnxscript", "safetensors", "scipy", "torch", "tqdm"),
        *("anyio", "starlette", "uvicorn"),
    },
    "job": {"hydra", "omegaconf", "lightning", "torch"},
    "report": {"matplotlib", "PIL", "numpy", "jinja2", "rich", "tabulate", "wandb"},
    "boards": {"torch", "lightning", "wandb", "PIL", "numpy"},
    "choose": {"torch", "lightning", "hydra", "omegaconf", "optuna", "PIL"},
    "lit": {"torch", "lightning", "matplotlib", "PIL", "numpy", "scipy", "tqdm", "skimage"},
    "projection": {"torch"},
    "models": {"torch"},
    "scores": {"torch"},
    "metrics": {"torch", "torchmetrics"},
    "data": {"torch", "kornia", "PIL", "numpy", "scipy", "simplejpeg", "tqdm"},
    "functional": {"torch", "kornia"},
    "schema": {"pydantic"},
    "settings": {"pydantic", "pydantic_core", "annotated_types", "omegaconf"},
    "contracts.py": {"torch"},
    "files.py": set[str](),
    "console": set[str](),
}


def room_of(name: str) -> str | None:
    """The room of a dotted name: renormal.lit.panels → lit, renormal.run → run.py, hydra_plugins.x → itself."""
    top, *rest = name.split(".")
    if top == "hydra_plugins":
        return top
    return next((room for room in FLOORS if rest and room in (rest[0], f"{rest[0]}.py")), None)


def modules(source: Path) -> dict[str, Path]:
    """Dotted name → file, of everything below `source`."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, wherever in the file it stands; of `from a import b`, a.b."""
    home = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            origin = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def objection(room: str, name: str) -> str | None:
    """Why a file of `room` may not import `name`."""
    top = name.partition(".")[0]
    if top not in OWN or (top == room == "hydra_plugins"):  # the plugins share their package with those of others
        known = top in OUTSIDE[room] or top in sys.stdlib_module_names
        return None if known else f"{room} may not import {top}"
    other = room_of(name)
    if other is None:
        return f"{name} stands in no room"
    if other == room or FLOORS[other] < FLOORS[room]:
        return None
    return f"{room} on floor {FLOORS[room]} may not import {other} on floor {FLOORS[other]}"


def violations(source: Path) -> list[str]:
    """Every import that points up, sideways or out, and every file that stands in no room."""
    found = []
    for name, path in modules(source).items():
        place, room = path.relative_to(source), room_of(name)
        if room is None:
            lazy = name == "renormal" and all(
                top(other) in sys.stdlib_module_names for _, other in imported(name, path)
            )
            found += [] if lazy else [f"{place} stands in no room"]
            continue
        reasons = ((line, objection(room, other)) for line, other in imported(name, path))
        found += [f"{place}:{line}: {reason}" for line, reason in reasons if reason]
    return found


def top(name: str) -> str:
    return name.partition(".")[0]


def circles(source: Path) -> list[str]:
    """Every module that can be reached from itself along imports."""
    files = modules(source)
    arrows = {}
    for name, path in files.items():
        named = (other for _, other in imported(name, path))
        homes = {other if other in files else other.rpartition(".")[0] for other in named}
        arrows[name] = homes & files.keys() - {name}
    found = []
    for name in files:
        reached, left = set[str](), list(arrows[name])
        while left:
            step = left.pop()
            if step not in reached:
                reached.add(step)
                left += arrows[step]
        if name in reached:
            found.append(name)
    return found


def test_every_import_points_down() -> None:
    assert violations(SOURCE) == []


def test_no_files_import_in_a_circle() -> None:
    assert circles(SOURCE) == []


def test_every_room_exists() -> None:
    places = {room: SOURCE / ("" if room == "hydra_plugins" else "renormal") / room for room in FLOORS}
    assert [room for room, place in places.items() if not place.exists()] == []
    assert FLOORS.keys() == OUTSIDE.keys()


def test_the_docs_show_every_room_at_the_number_of_its_floor() -> None:
    """Its lines: a number, where it changes; a room; what the room is for."""
    text = (SOURCE.parent / "docs" / "layout.md").read_text(encoding="utf-8").partition("## Where is what")[2]
    shown, number = dict[str, int](), ""
    for floor, room in re.findall(r"^(\d| )  ([\w.]+)/? +\S", text.split("```")[1], flags=re.MULTILINE):
        number = floor.strip() or number
        shown[room] = int(number)
    assert shown == FLOORS


PLANTED = [
    ("projection/made.py", "import lightning", "projection may not import lightning"),
    ("projection/made.py", "from renormal.scores import DSSIM", "floor 2 may not import scores on floor 2"),
    ("projection/made.py", "from ..models.base import ConvAutoencoder", "may not import models on floor 2"),
    ("projection/made.py", "from renormal import lit", "floor 2 may not import lit on floor 3"),
    ("projection/made.py", "def f():\n    import numpy", "projection may not import numpy"),
    ("contracts.py", "from renormal.functional.norms import float32", "floor 0 may not import functional"),
    ("metrics/made.py", "if TYPE_CHECKING:\n    from renormal.lit import panels", "floor 2 may not import lit"),
    ("boards/made.py", "from renormal.choose.choice import Choice", "floor 4 may not import choose on floor 4"),
    ("report/made.py", "from renormal.job.state import State", "floor 5 may not import job on floor 6"),
    ("inspect/made.py", "from renormal.sweep.jobs import Job", "floor 7 may not import sweep on floor 7"),
    ("data/deep/made.py", "from ...job import job", "floor 2 may not import job on floor 6"),
    ("sweep/made.py", "from renormal.run import CONF", "floor 7 may not import run.py on floor 8"),
    ("sweep/made.py", "from hydra_plugins.renormal_plugins import Slurm", "may not import hydra_plugins on floor 8"),
    ("lit/made.py", "from omegaconf import DictConfig", "lit may not import omegaconf"),
    ("lit/made.py", "from renormal.utils import helper", "renormal.utils.helper stands in no room"),
    ("lit/made.py", "import renormal", "renormal stands in no room"),
    ("utils.py", "", "utils.py stands in no room"),
    ("helpers/__init__.py", "", "helpers/__init__.py stands in no room"),
    ("__init__.py", "from renormal.run import main", "__init__.py stands in no room"),
    ("../hydra_plugins/made.py", "import lightning", "hydra_plugins may not import lightning"),
]


@pytest.mark.parametrize(("place", "line", "reason"), PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, place: str, line: str, reason: str) -> None:
    write(tmp_path / "renormal" / place, line)
    (found,) = violations(tmp_path)
    assert reason in found


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("projection/made.py", "import math\nimport torch\nfrom .energy import Energy\nfrom renormal import contracts"),
        ("job/made.py", "import hydra\nfrom renormal.lit import panels\nfrom renormal.report.record import Record"),
        (
            "lit/deep/made.py",
            "import lightning.pytorch as pl\nfrom ..panels import heat\nfrom renormal.data import mvtec",
        ),
        ("__init__.py", '"""A page."""\nfrom importlib import import_module'),
        (
            "../hydra_plugins/made.py",
            "from renormal.sweep import slurm\nfrom hydra_plugins.hydra_joblib_launcher import x",
        ),
    ],
)
def test_an_import_that_points_down_is_left_alone(tmp_path: Path, place: str, line: str) -> None:
    write(tmp_path / "renormal" / place, line)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"lit/a.py": "from renormal.lit import b", "lit/b.py": "from .a import x"}, ["lit.a", "lit.b"]),
        ({"lit/__init__.py": "from .a import x", "lit/a.py": "from renormal.lit import x"}, ["lit", "lit.a"]),
        ({"lit/a.py": "from renormal.lit import b", "lit/b.py": "import torch"}, []),
    ],
)
def test_a_planted_circle_is_found(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    for place, text in files.items():
        write(tmp_path / "renormal" / place, text)
    assert circles(tmp_path) == [f"renormal.{name}" for name in found]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
