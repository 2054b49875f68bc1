"""Which files of a folder are images, and which files are not read. Nothing is left out silently."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from renormal.data.names import Role, role
from renormal.data.source import DataError, Item

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
COMPANIONS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # written by desktops on their own
NOTES = frozenset({".txt", ".md", ".csv", ".json", ".xml", ".aae"})  # licences, labels, a phone's edit lists


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in COMPANIONS


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except PermissionError as error:
        raise DataError(f"{folder}: may not be read; give yourself the permission (chmod u+rx)") from error
    return [path for path in entries if _visible(path.name)]


def folders_in(folder: Path, *roles: Role) -> list[Path]:
    """The visible subfolders by name, all or those of certain roles; none where the folder does not exist."""
    found = [path for path in _entries(folder) if path.is_dir()] if folder.is_dir() else []
    return [path for path in found if not roles or role(path.name) in roles]


def files_in(folder: Path) -> list[Path]:
    """The images of a folder by name; hidden files, desktop leftovers and notes are passed over, others are errors."""
    if not folder.is_dir():
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
    return folder.is_dir() and any(path.suffix.lower() in SUFFIXES for path in _entries(folder) if path.is_file())


def images_below(folder: Path) -> Iterator[Path]:
    """The images in the folder and in all folders below it, in no order."""
    return (path for path in _below(folder) if path.suffix.lower() in SUFFIXES)


def unread(root: Path, items: Iterable[Item]) -> list[str]:
    """One line that counts the visible files below `root` of no item, with an example of each kind; none if all are."""
    used = {path for item in items for path in (item.image, item.mask)}
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in _below(root):
        if path not in used:
            kinds[_kind(path.relative_to(root))].append(path.relative_to(root))
    counts = (f"{len(paths)} × {kind} ({min(paths)})" for kind, paths in sorted(kinds.items()))
    return [f"{root}: not read: {', '.join(counts)}"] if kinds else []


def _kind(path: Path) -> str:
    if path.suffix.lower() in SUFFIXES:
        return f"image in {path.parts[0]}" if len(path.parts) > 1 else "image"
    return f"{path.suffix.lower()} file" if path.suffix else "file without a suffix"


def _below(root: Path) -> Iterator[Path]:
    seen = {root.resolve()}
    for folder, folders, files in os.walk(root, followlinks=True):
        inner = {name: Path(folder, name).resolve() for name in sorted(folders) if _visible(name)}
        folders[:] = [name for name, real in inner.items() if real not in seen]  # a link may lead back
        seen.update(inner.values())
        yield from (Path(folder, name) for name in files if _visible(name))
