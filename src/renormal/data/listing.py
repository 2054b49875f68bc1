"""Which files of a folder are images, and which files are not read. Nothing is left out silently."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from renormal.console.text import is_printable, printable
from renormal.data.names import Role, role
from renormal.data.opening import check_file
from renormal.data.source import DataError, Item

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
COMPANIONS = frozenset(  # written by desktops and file systems on their own
    {"thumbs.db", "desktop.ini", "__macosx", "lost+found", "$recycle.bin", "system volume information"}
)
NOTES = frozenset({".txt", ".md", ".csv", ".json", ".xml", ".aae"})  # licences, labels, a phone's edit lists


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in COMPANIONS


def _entries(folder: Path) -> list[Path]:
    with _permitted(folder):
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    found = [path for path in entries if _visible(path.name)]
    if found:
        is_folder(found[0])  # raises where the folder may be listed and not entered
    if fault := next((path for path in found if not is_printable(path.name)), None):
        raise DataError(f"{fault}: its name has a control character or bytes that are no UTF-8; rename it")
    return found


@contextmanager
def _permitted(folder: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise DataError(f"{folder}: may not be read; give yourself the permission (chmod u+rx)") from error


def no_folder(root: str | Path) -> str:
    """The beginning of a message: data.root= is not a folder, with the place of a relative path."""
    place = "" if Path(root).is_absolute() else f" ({Path.cwd() / root})"
    return f"data.root={root} is not a folder{place}"


def is_folder(path: Path) -> bool:
    """Whether it is a folder. Raises DataError where that may not be read, or where its name is too long."""
    try:
        with _permitted(path.parent):
            return path.is_dir()
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror}); correct it") from error


def folders_in(folder: Path, *roles: Role) -> list[Path]:
    """The visible subfolders by name, all or those of certain roles; none where the folder does not exist."""
    entries = _entries(folder) if is_folder(folder) else []
    for path in entries:
        if not path.suffix and path.is_symlink() and not path.exists():  # a folder of a disk that is not mounted
            raise DataError(f"{path}: a link to nothing; bring back the folder that it names, or delete the link")
    found = [path for path in entries if is_folder(path)]
    for path in found:
        if path.is_symlink() and path.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise DataError(f"{path}: a link to a folder above it; delete the link")
    return [path for path in found if not roles or role(path.name) in roles]


def files_in(folder: Path) -> list[Path]:
    """The images of a folder by name; hidden files, desktop leftovers and notes are passed over, others are errors."""
    if not is_folder(folder):
        return []
    files = [path for path in _entries(folder) if not path.is_dir() and path.suffix.lower() not in NOTES]
    for path in files:
        if path.suffix.lower() not in SUFFIXES:
            kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
            raise DataError(f"{path}: not a readable kind of image ({kinds}); convert it or move it elsewhere")
    return files


def images_in(folder: Path) -> list[Path]:
    """As `files_in`, for a folder that may hold images only."""
    if deeper := folders_in(folder):
        raise DataError(f"{deeper[0]}: a folder among images; move its images up into {folder} or elsewhere")
    return files_in(folder)


def holds_images(folder: Path) -> bool:
    """Whether an image lies directly in the folder."""
    return is_folder(folder) and any(path.suffix.lower() in SUFFIXES for path in _entries(folder) if path.is_file())


def images_below(folder: Path) -> Iterator[Path]:
    """The images in the folder and in all folders below it, in no order."""
    return (path for path in _below(folder) if path.suffix.lower() in SUFFIXES)


def check_files(train: Iterable[Item], test: Iterable[Item], max_pixels: int) -> None:
    """Raise DataError for what cannot be opened, and for one file that by links is an image of two kinds."""
    seen: dict[tuple[int, int], tuple[Path, str]] = {}
    for item, use in [*((item, "training") for item in train), *((item, item.defect) for item in test)]:
        found = check_file(item.image, max_pixels)
        first, before = seen.setdefault((found.st_dev, found.st_ino), (item.image, use))
        if before != use:
            raise DataError(f"{item.image}: the same file as {first}, by a link; keep one of the two")
        if item.mask and os.path.samestat(found, check_file(item.mask, max_pixels)):
            raise DataError(f"{item.mask}: the same file as its image {item.image}, by a link; draw the mask")


def unread(root: Path, items: Iterable[Item]) -> list[str]:
    """One line that counts the visible files below `root` of no item, with an example of each kind; none if all are."""
    used = {path for item in items for path in (item.image, item.mask)}
    kinds: dict[str, list[Path]] = defaultdict(list)
    closed: list[Path] = []
    for path in _below(root, closed):
        if path not in used:
            kinds[_kind(path.relative_to(root))].append(path.relative_to(root))
    kinds |= {"folder that may not be read": closed} if closed else {}
    counts = (f"{len(paths)} × {kind} ({min(paths)})" for kind, paths in sorted(kinds.items()))
    return [printable(f"{root}: not read: {', '.join(counts)}")] if kinds else []


def _kind(path: Path) -> str:
    if path.suffix.lower() in SUFFIXES:
        return f"image in {path.parts[0]}" if len(path.parts) > 1 else "image"
    return f"{path.suffix.lower()} file" if path.suffix else "file without a suffix"


def _below(root: Path, closed: list[Path] | None = None) -> Iterator[Path]:
    """The visible files. Folders that may not be read are added to `closed`."""

    def refused(error: OSError) -> None:
        if closed is not None:
            closed.append(Path(error.filename).relative_to(root))

    seen = {root.resolve()}
    for folder, folders, files in os.walk(root, followlinks=True, onerror=refused):
        inner = {name: Path(folder, name).resolve() for name in sorted(folders) if _visible(name)}
        folders[:] = [name for name, real in inner.items() if real not in seen]  # a link may lead back
        seen.update(inner.values())
        yield from (Path(folder, name) for name in files if _visible(name))
