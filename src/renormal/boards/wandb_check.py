"""What wandb would refuse when it opens a run: found before the work, with nothing opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODES = ("auto", "online", "offline", "disabled")
OWN = {name: f"run_{name}" for name in ("name", "group", "tags", "id", "notes", "job_type")}  # arguments of wandb.init

BEGIN = re.compile(
    r"(?:\x1b\[[\d;]*m)*wandb(?:\x1b\[[\d;]*m)*: |(?:\x1b\[[\d;]*m)*(?:ERROR|WARNING)(?:\x1b\[[\d;]*m)* "
)


def check(*, mode: str = "auto", **run: Any) -> None:
    """Raise ValueError with one line for a setting that wandb refuses: of the config, a variable or wandb's own file.

    mode: see `wandb_run.begin`. run: arguments of `wandb.init`.
    """
    if mode not in MODES:
        raise ValueError(f"logger.wandb.mode must be one of {', '.join(MODES)}, got {mode!r}")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # wandb would send crash reports without being asked
    import wandb

    given = {OWN.get(name, name): value for name, value in run.items() if value is not None}
    with refusals_named():
        settings = wandb.Settings()
        settings.settings_system = str(_file())
        with _said() as lines:
            settings.update_from_system_settings()
        if lines:
            text = " ".join(" ".join(lines).split()).partition(" [type=")[0]  # the rest is of pydantic
            raise ValueError(f"{os.path.relpath(_file())} or wandb/settings: {text}: correct that file of wandb")
        settings.update_from_env_vars(dict(os.environ))
        settings.update_from_dict(given)


def _file() -> Path:
    """Of wandb's settings on this machine."""
    return Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser() / "settings"


class _Said:
    """What wandb says of a file that it does without."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def info(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        if "Error reading" in text:  # others are of what has another name today
            self.error(text)

    def error(self, text: str) -> None:
        self.lines.append(BEGIN.sub("", text))


@contextmanager
def _said() -> Iterator[list[str]]:
    """Lines that wandb would print."""
    from wandb.errors import term

    before, said = (term._silent, term._logger), _Said()
    term._silent, term._logger = True, said
    try:
        yield said.lines
    finally:
        term._silent, term._logger = before


@contextmanager
def refusals_named() -> Iterator[None]:
    """Raise ValueError with one line for a setting that wandb refuses: of the config, or of a variable."""
    import wandb

    try:
        yield
    except wandb.errors.UsageError as error:
        text = " ".join(str(error).split())
        raise ValueError(f"wandb: {text}: correct logger.wandb, or a variable WANDB_… of that name") from None
    except ValueError as error:  # of pydantic, one for each setting
        found: list[Any] = getattr(error, "errors", list)()
        if not found:
            raise
        name, text = str(found[0]["loc"][0]), found[0]["msg"]
        raise ValueError(f"wandb: {name}: {text}: correct logger.wandb or WANDB_{name.upper()}") from None
