"""The folders of a job and of a sweep, made and checked before the work."""

from __future__ import annotations

import os
from pathlib import Path

from renormal.job.errors import in_one_line
from renormal.job.lock import LOCK
from renormal.job.state import RUN_LOG
from renormal.text import is_printable

LONGEST = 255, 3900  # bytes of a name and of a path: Linux takes no longer ones, and files follow; ours
MEND = "choose another one with name=, hydra.run.dir= or hydra.sweep.dir="


def make_folder(folder: Path) -> None:
    """Make the folder and a file in it. Raises ValueError for one that cannot be made or written."""
    check_name(folder)
    for file in (folder / LOCK, folder / RUN_LOG):
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise ValueError(f"{file} is a link, or no regular file: delete it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK).open("a").close()
    except FileExistsError:
        raise ValueError(f"{folder} is a file or a broken link, not a folder: {MEND}") from None
    except OSError as error:
        raise ValueError(in_one_line(error)) from error


def check_name(folder: Path) -> None:
    """Raise ValueError for a folder whose name cannot be stored, or not be shown in one line."""
    name, path = str(folder), os.fsencode(folder.absolute())
    if not is_printable(name):
        raise ValueError(f"the folder {ascii(name)[:200]} has a sign that cannot be printed or is no UTF-8: {MEND}")
    if len(path) > LONGEST[1] or max(map(len, path.split(b"/"))) > LONGEST[0]:
        raise ValueError(f"the folder {name[:60]}… has a name that is too long: {MEND}")
