"""The folders of a job and of a sweep, made and checked before the work."""

from __future__ import annotations

import os
from pathlib import Path

from renormal.console.text import is_printable
from renormal.files import RECORD, RUN_LOG, SAMPLES, STATE, TargetError, check_no_link, check_target
from renormal.job.errors import in_one_line
from renormal.job.lock import LOCK, opened

LONGEST = 255, 3900  # bytes of a name and of a path: Linux takes no longer ones, and files follow; ours
OPENED = (RUN_LOG, *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")))
FOLDERS = (".hydra", "checkpoints", "panels", "log", "tensorboard", "wandb")
MEND = "choose another one with name=, hydra.run.dir= or hydra.sweep.dir="


def make_folder(folder: Path) -> None:
    """Make the folder and a file in it. Raises ValueError for one that cannot be made or written."""
    check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_folder(folder)
        opened(folder / LOCK).close()
    except FileExistsError:
        raise ValueError(f"{folder} is a file or a broken link, not a folder: {MEND}") from None
    except OSError as error:
        raise ValueError(in_one_line(error)) from error


def check_folder(folder: Path) -> None:
    """Raise ValueError for a name that cannot be stored, and where a job would write through a link or into no file.

    Hydra and the log open their files wherever a link leads; other files are replaced.
    """
    check_name(folder)
    for name in (*FOLDERS, *OPENED):
        check_no_link(folder / name)
    for name in FOLDERS:
        if (folder / name).exists() and not (folder / name).is_dir():
            raise TargetError(f"{folder / name} is no folder: delete it, the job writes files there")
    for name in (*OPENED, RECORD, STATE, SAMPLES, "choice.json", "planted.png"):
        check_target(folder / name)


def check_name(folder: Path) -> None:
    """Raise ValueError for a folder whose name cannot be stored, or not be shown in one line."""
    name, path = str(folder), os.fsencode(folder.absolute())
    if not is_printable(name):
        raise ValueError(f"the folder {ascii(name)[:200]} has a sign that cannot be printed or is no UTF-8: {MEND}")
    if len(path) > LONGEST[1] or max(map(len, path.split(b"/"))) > LONGEST[0]:
        raise ValueError(f"the folder {name[:60]}… has a name that is too long: {MEND}")
