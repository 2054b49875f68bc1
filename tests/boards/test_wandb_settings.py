"""What wandb refuses of the config or of the environment is one line that names it, and no traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb

from renormal.boards.wandb_check import check
from renormal.boards.wandb_run import begin, move_cache

REFUSED: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"WANDB_MODE": "nonsense"}, {}, r"^wandb: mode: Input should be .*: correct logger\.wandb or WANDB_MODE$"),
    (
        {"WANDB_MODE": "offline", "WANDB_BASE_URL": "::nonsense"},
        {},
        r"^wandb: base_url: .*: correct logger\.wandb or WANDB_BASE_URL$",
    ),
    (
        {"WANDB_MODE": "offline"},
        {"project": "a/b"},
        r"^wandb: Invalid project name 'a/b': .*: correct logger\.wandb, or a variable WANDB_… of that name$",
    ),
    ({"WANDB_MODE": "offline"}, {"tags": ["a" * 100]}, r"^wandb: run_tags: .* is 100 characters.*: correct logger"),
    ({"WANDB_MODE": "offline"}, {"id": "a/b"}, r"^wandb: Run ID cannot contain the characters: .*: correct logger"),
    ({"WANDB_MODE": "offline", "WANDB_RESUME": "x"}, {}, r"^wandb: resume: .*: correct logger\.wandb or WANDB_RESUME$"),
    ({"WANDB_MODE": "offline", "WANDB_RUN_TAGS": "a" * 100}, {}, r"^wandb: run_tags: .*"),
    ({}, {"mode": "dryrun"}, r"^logger\.wandb\.mode must be one of auto, online, offline, disabled, got 'dryrun'$"),
]


@pytest.mark.parametrize("first", [check, begin])
@pytest.mark.parametrize(("variables", "run", "line"), REFUSED)
def test_a_setting_that_wandb_refuses_is_named(
    variables: dict[str, str],
    run: dict[str, Any],
    line: str,
    first: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wandb.teardown()  # it reads variables once in a process
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=line) as refused:
        first(*[tmp_path] * (first is begin), **run)
    assert len(str(refused.value).splitlines()) == 1
    wandb.teardown()


@pytest.mark.parametrize(
    ("content", "said"), [("[default]\nmode = nonsense\n", "mode Input should be"), ("nonsense", "Error reading")]
)
def test_a_file_of_settings_that_wandb_does_without_is_named(
    content: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """wandb printed several lines, and the run had other settings than the file."""
    (tmp_path / "settings").write_text(content)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"correct that file of wandb$") as refused:
        check()
    assert said in str(refused.value)
    assert "wandb: " not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert capfd.readouterr().err == ""


def test_a_file_of_settings_that_wandb_reads_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings").write_text("[default]\nmode = offline\nanonymous = true\n")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    check(project="p", name="n", tags=[])


def test_a_cache_that_cannot_be_written_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb's service printed its log in the terminal."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "file" / "cache"))
    move_cache()
    moved = Path(os.environ["WANDB_CACHE_DIR"])
    assert moved.is_dir()
    assert tmp_path not in moved.parents
    move_cache()
    assert os.environ["WANDB_CACHE_DIR"] == str(moved)
