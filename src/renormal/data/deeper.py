"""Folders among the images of a folder: where their images belong."""

from __future__ import annotations

from pathlib import Path

from renormal.data.listing import folders_in, holds_images, images_below
from renormal.data.names import role
from renormal.data.source import DataError


def folder_among_images(path: Path) -> DataError:
    """What to do about this folder."""
    folder = path.parent
    kinds = folders_in(folder, "good", "doubtful", "other")
    if not holds_images(folder) and len(kinds) > 1:
        return DataError(f"{folder}: sorts its images into folders; {_moved_up(folder, kinds)}")
    if role(path.name) in ("train", "test", "unread"):
        return DataError(f"{path}: a folder among images; move it to {folder.parent / path.name / folder.name}")
    other = "elsewhere" if role(folder.name) == "good" else f"the folder to {folder.parent / path.name}"
    return DataError(f"{path}: a folder among images; move its images up into {folder}, or {other}")


def _moved_up(folder: Path, kinds: list[Path]) -> str:
    """Where the folders hold images of the same names, one part may lie in each of them, as in rgb and xyz."""
    deeper, same = " and ".join(one.name for one in kinds), _same_names(kinds)
    one_kind = f"the images of one folder alone up into {folder}, and the others elsewhere"
    if role(folder.name) == "good":
        if not same:
            return f"move the images in {deeper} up into {folder}"
        return f"{deeper} hold images of the same names: if they show the same parts, move {one_kind}; else rename them"
    move = f"move the folders {deeper} up into {folder.parent}"
    return f"{move}; if they show the same parts, {one_kind}" if same else move


def _same_names(folders: list[Path]) -> bool:
    """Whether an image of one folder has the name of one in another folder, but for the suffix."""
    stems = [{image.stem.casefold() for image in images_below(one)} for one in folders]
    return len(set().union(*stems)) < sum(map(len, stems))
