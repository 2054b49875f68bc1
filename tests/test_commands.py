"""The commands of README and docs: those of the quick start run, the options of all exist, their experiments run.

That every line of `renormal` composes is a test of tests/conf; that every experiment runs, with few images, one of
tests/job (test_every_experiment.py). So a command that is not run whole is made of parts that are.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from every_experiment import EXPERIMENTS
from preloaded import python
from small import DRAWN, SMALL

ROOT = Path(__file__).parents[1]
START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
TEXT = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
)
SCRIPTS = {
    "renormal-export": "renormal.inspect.export",
    "renormal-inpaint": "renormal.inspect.inpaint",
    "renormal-predict": "renormal.inspect.predict",
    "renormal-report": "renormal.report.cli",
    "renormal-view": "renormal.inspect.view",
}
TINY = [*DRAWN, *SMALL, "projection=[eq8]", "data.object_size=64"]


def ran(folder: Path, *command: str, accepted: tuple[int, ...] = (0,)) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in accepted, done.stderr
    return done.stdout


def main_of(script: str) -> list[str]:
    return [python(), "-c", f"import sys; from {SCRIPTS[script]} import main; sys.exit(main())"]


def test_the_quick_start_runs_as_it_is_written(tmp_path: Path) -> None:
    lines = re.findall(r"^(renormal\S*) ([^#\n]+)", START.partition("## What next")[0], flags=re.MULTILINE)
    assert [script for script, _ in lines] == ["renormal", "renormal-report", "renormal-predict"]
    for script, arguments in lines:
        given = shlex.split(arguments)
        if script == "renormal":
            ran(tmp_path, python(), "-m", "renormal.run", *given, *TINY)
        else:
            ran(tmp_path, *main_of(script), *given, accepted=(0, 1) if script == "renormal-predict" else (0,))
    assert (tmp_path / "outputs" / "demo" / "report.html").stat().st_size > 10_000
    assert len(list((tmp_path / "found" / "overlays").rglob("*.png"))) > 1
    (code,) = re.findall(r"```python\n(.*?)```", START, flags=re.DOTALL)
    assert ran(tmp_path, python(), "-c", f"{code}\nprint(found.map.shape)").split("\n")[-2].startswith("(")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_options_of_a_command_exist(script: str) -> None:
    shown = {
        option for line in re.findall(rf"{script} ([^#\n|]+)", TEXT) for option in re.findall(r"--[a-z][\w-]*", line)
    }
    known = set(re.findall(r"--[a-z][\w-]*", ran(ROOT, *main_of(script), "--help")))
    assert shown <= known


def test_the_experiments_of_all_commands_are_run_with_few_images() -> None:
    named = set(re.findall(r"experiment=(\w+)", TEXT))
    assert named <= set(EXPERIMENTS)
    assert len(named) > 10


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL))
def test_a_piece_of_python_uses_names_that_exist(code: str) -> None:
    """What it imports is there, and the rest is Python."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("renormal"):
            module = import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


MADE = re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
PAGES = "\n".join([TEXT, *((ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "CHANGELOG.md"))])


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES, flags=re.MULTILINE))))
def test_a_target_of_make_exists(target: str) -> None:
    assert target in MADE


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ((?:benchmarks|renormal)[\w.]*)", PAGES))))
def test_a_module_that_is_run_exists(module: str) -> None:
    assert find_spec(module)
