"""Where a data set lies: in the chosen folder, in its folder of images, or in a folder deeper or higher."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from renormal.data.listing import folders_in, holds_images
from renormal.data.names import Role, names_defect, role
from renormal.data.source import DataError

OUTER: tuple[Role, ...] = ("doubtful", "images", "other")  # what a folder of data sets may be called
NAMED = 5  # of the data sets that a message names


def home_of(root: Path) -> Path:
    """The folder with the good images: `root`, or its only folder, called images or alike, that sorts them."""
    if folders_in(root, "train", "test", "good") or holds_images(root):
        return root
    homes = [path for path in folders_in(root, "images") if folders_in(path, "train", "test", "good")]
    return homes[0] if len(homes) == 1 else root


def is_data_set(root: Path) -> bool:
    """Whether good images lie where a data set has them."""
    home = home_of(root)
    train = folders_in(home, "train")
    places = [*train, *(path for folder in [home, *train] for path in folders_in(folder, "good"))]
    return any(holds_images(place) for place in places)


def data_sets_below(root: Path) -> list[Path]:
    """The folders with a data set, one or two levels below `root`."""
    found = []
    for folder in folders_in(root, *OUTER):
        found += [folder] if is_data_set(folder) else [path for path in folders_in(folder, *OUTER) if is_data_set(path)]
    return found


def too_high(root: Path, *, own: bool = False) -> DataError | None:
    """The error that names the data sets below `root`, if there are some. own: `root` may be one itself."""
    found = [root] if own and is_data_set(root) else data_sets_below(root)
    if not found:
        return None
    names = " or ".join(f"data.root={path}" for path in found[:NAMED])
    more = f" or one of {len(found) - NAMED} more" if len(found) > NAMED else ""
    return DataError(f"data.root is a folder too high; give {names}{more}")


def left_out(root: Path) -> list[str]:
    """One line for the folder of good images of a data set: its test images are not read.

    None where a folder beside it has a name that says nothing of a test or of a defect: they need not be one data set.
    """
    here = root.resolve()
    if role(here.name) not in ("train", "good") or folders_in(here, "test"):
        return []
    home = here.parent.parent if role(here.parent.name) == "train" else here.parent
    with suppress(DataError):  # what lies around the chosen folder need not be in order
        tests = folders_in(home, "test") or [path for path in folders_in(home, "other") if holds_images(path)]
        if tests and all(role(path.name) == "test" or names_defect(path.name) for path in tests):
            names, all_of = " and ".join(map(str, tests[:NAMED])), "both" if len(tests) == 1 else "all"
            return [f"{root}: the test images in {names} are not read; data.root={home} reads {all_of}"]
    return []


def check_not_too_low(root: Path) -> None:
    """Raises DataError for the test folder, or the folder of images, of a data set."""
    here = root.resolve()
    if role(here.name) == "test" and folders_in(here.parent, "train"):
        raise DataError(f"data.root={root} holds the test images of a data set; give data.root={here.parent}")
    if role(here.name) == "images" and home_of(here.parent) == here and folders_in(here.parent, "mask"):
        raise DataError(f"data.root={root} leaves out the masks next to it; give data.root={here.parent}")
