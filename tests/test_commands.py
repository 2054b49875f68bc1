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
from pages import joined, page
from preloaded import python
from small import DRAWN, SMALL

ROOT = Path(__file__).parents[1]
START = page(ROOT / "docs" / "start.md")
DOCS = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "messages.md")  # make docs writes that one
TEXT = "\n".join(map(page, (ROOT / "README.md", *DOCS)))
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
PAGES = "\n".join([TEXT, *(page(ROOT / name) for name in ("CONTRIBUTING.md", "CHANGELOG.md"))])


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES, flags=re.MULTILINE))))
def test_a_target_of_make_exists(target: str) -> None:
    assert target in MADE


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ((?:benchmarks|renormal)[\w.]*)", PAGES))))
def test_a_module_that_is_run_exists(module: str) -> None:
    assert find_spec(module)


CI = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "Makefile"))
RUN_BY_CI = {".venv/bin/pre-commit", "git", "-m venv", "-m pytest", "-m build"}
OF_UNIX = {".", "cd", "cp", "tail"}
TESTED = {"renormal", "make", *SCRIPTS}  # above, and in tests/conf
NEEDS = re.compile(r"#.*\bneeds (?:SLURM|jq|the internet|an account)\b")


def commands(line: str) -> list[list[str]]:
    """The commands that a line of a shell joins with &&, | or ;, without settings of the environment."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("&|;"):
            found.append([])
        elif found[-1] or not re.match(r"\w+=", word):
            found[-1].append(word)
    return [command for command in found if command]


def is_run(command: list[str]) -> bool:
    """By CI, or by a test of the parts that it is made of."""
    program, *arguments = command
    name = program.rpartition("/")[2]
    if name.startswith("python") and arguments[0] == "-m":
        return arguments[1].startswith(("renormal", "benchmarks")) or f"-m {arguments[1]}" in RUN_BY_CI
    return name in TESTED | OF_UNIX or program in RUN_BY_CI or arguments == [".ci/run"]


def test_ci_runs_what_it_is_said_to_run() -> None:
    assert [command for command in RUN_BY_CI if f"{command} " not in CI] == []


def unmarked(text: str) -> list[str]:
    """Lines of blocks without a language that nothing runs and no word excuses. Blocks of output are called text.

    A line that ends with a backslash goes on in the next.
    """
    blocks = re.findall(r"^```([^\n]*)\n(.*?)^```", joined(text), flags=re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if language in ("", "bash", "sh") for line in block.splitlines()]
    return [
        line
        for line in lines
        if not NEEDS.search(line) and ("/launcher=slurm" in line or not all(map(is_run, commands(line))))
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "docs"])
def test_a_command_is_run_or_says_what_it_needs(name: str) -> None:
    paths = DOCS if name == "docs" else [ROOT / name]
    assert {str(path): lines for path in paths if (lines := unmarked(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("pip install renormal", False),
        ("pip install renormal  # needs the internet", True),
        ("pip install renormal  # needs patience", False),
        ("renormal-predict JOB - --json | jq .score", False),
        ("sbatch --wrap 'renormal-predict JOB new/'  # needs SLURM", True),
        ("srun -n 8 renormal-predict JOB new/", False),
        ("renormal experiment=table1 hydra/launcher=slurm", False),
        ("wandb agent ENTITY/PROJECT/SWEEP &", False),
        ("cd parts && conda activate", False),
        ("A=1 .venv/bin/python -m benchmarks.made && cp a b", True),
        ("python -m pip freeze", False),
        ("python3 -m venv .venv && . .venv/bin/activate", True),
        ("renormal experiment=demo &", True),
        ("renormal experiment=table1 \\\n    hydra/launcher=slurm", False),
        ("renormal experiment=table1 \\\n    hydra/launcher=slurm  # needs SLURM", True),
        ("sbatch \\\n    renormal", False),
        ("renormal seed=1  # of three \\\n    --dry-run", False),
    ],
)
def test_a_planted_command_is_found(line: str, there: bool) -> None:
    assert (unmarked(f"# Page\n\n```\n{line}\n```\n") == []) == there
    assert unmarked(f"```text\n{line}\n```\n") == []


def test_the_quick_start_says_which_paths_stand_for_licensed_data() -> None:
    """All others are of photographs that anybody may have."""
    named = re.findall(r"`(/data/\w+)`", START.partition("On all pages")[2])
    shown = set(re.findall(r"^renormal.* data\.root=(/\w+/\w+)", TEXT, flags=re.MULTILINE))
    assert {root for root in shown if "mvtec" in root or "celeba" in root} == set(named)
