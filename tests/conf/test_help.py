"""renormal --help fits on one screen, names what exists, and what shows something may be cut short."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from renormal.run import CONF, SECOND_NAME

RUN = [sys.executable, "-m", "renormal.run"]


def shown(folder: Path, *options: str) -> str:
    end = subprocess.run([*RUN, *options], capture_output=True, text=True, cwd=folder, check=True, timeout=120)
    assert not end.stderr
    return end.stdout


def test_help_is_one_screen_of_the_commands_and_groups_that_exist(tmp_path: Path) -> None:
    text = shown(tmp_path, "--help")
    lines = text.splitlines()
    assert lines[0].startswith("renormal ")
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    project = tomllib.loads((CONF.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["project"]["scripts"]) <= set(text.split())
    for group in ("data", "model", "projection", "score", "choose", "budget", "experiment", "sweep", "hydra/launcher"):
        names = {path.stem for path in (CONF / group).glob("*.yaml")} - {SECOND_NAME}
        assert names <= set(text.replace(",", " ").split()), group
    assert SECOND_NAME not in text
    assert "--cfg job" in text
    assert 'eval "$(renormal -sc install=bash)"' in text


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert shown(tmp_path, "--version").startswith("renormal ")


@pytest.mark.parametrize("option", ["--help", "--cfg=job", "--hydra-help"])
def test_what_is_shown_may_be_cut_short(tmp_path: Path, option: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` does once it has its lines
    end = subprocess.run([*RUN, option], stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, check=False, timeout=120)
    os.close(writer)
    assert not end.stderr


def test_tab_completes_choices_and_keys(tmp_path: Path) -> None:
    for line, answer in (
        ("renormal experiment=table1", "experiment=table1_cpu"),
        ("renormal descent.max", "descent.max_steps="),
    ):
        environment = os.environ | {"COMP_LINE": line}
        command = [*RUN, "-sc", "query=bash"]
        end = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True, timeout=120
        )
        assert answer in end.stdout.split()
