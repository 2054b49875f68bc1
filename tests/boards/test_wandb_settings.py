"""What wandb refuses of the config or of the environment is one line that names it, and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import wandb

from renormal.boards.wandb_run import begin


@pytest.mark.parametrize(
    ("variables", "run", "line"),
    [
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
    ],
)
def test_a_setting_that_wandb_refuses_is_named(
    variables: dict[str, str], run: dict[str, Any], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb.teardown()  # it reads variables once in a process
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=line) as refused:
        begin(tmp_path, **run)
    assert len(str(refused.value).splitlines()) == 1
    wandb.teardown()
