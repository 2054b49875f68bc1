"""CelebA, the aligned faces (Liu et al., ICCV 2015): all of them good, some of them held out."""

from __future__ import annotations

from pathlib import Path

from renormal.data.listing import check_files, images_in, is_folder, no_folder
from renormal.data.source import MAX_PIXELS, Augmentation, DataError, Source, good_items

FOLDER, PARTITION = "img_align_celeba", "list_eval_partition.txt"
TRAIN, TEST = "0", "2"  # 1: validation, left out as in the official split
LONGEST, SHOWN = 50_000_000, 80  # ours: bytes of the list, the official one has 4 million; characters of a bad line


def celeba(
    root: str | Path | None, *, holdout: float = 0.1, mirror: bool = True, max_pixels: int = MAX_PIXELS
) -> Source:
    """Faces in root/img_align_celeba or in root, split by root/list_eval_partition.txt where it lies there.

    holdout: share of the images, the last by name, that is tested where there is no partition. The images must be the
    aligned ones, of any size: the square around the face is kept, 128 of 178 px (Dai & Wipf, arXiv 1903.05789).
    """
    if root is None:
        raise DataError("CelebA has no folder yet: give data.root=/path/to/celeba with img_align_celeba/ in it")
    place = Path(root)
    home = place / FOLDER if (place / FOLDER).is_dir() else place
    if not is_folder(home):
        raise DataError(f"{no_folder(root)}: correct it")
    images = images_in(home)
    if len(images) < 2:
        raise DataError(f"{home}: no aligned faces; data.root is the folder that holds {FOLDER}/")
    partition = next((file for file in (place / PARTITION, home.parent / PARTITION) if file.is_file()), None)
    train, test = by_partition(images, partition) if partition else by_name(images, holdout)
    trained, tested = good_items(train), good_items(test)
    check_files(trained, tested, max_pixels)
    moves = Augmentation(mirror_x=mirror)
    return Source("celeba", place, "object", moves, trained, tested, fit="face", max_pixels=max_pixels)


def by_name(images: list[Path], holdout: float) -> tuple[list[Path], list[Path]]:
    if not 0 < holdout < 1:
        raise DataError(f"data.holdout must lie between 0 and 1, got {holdout}")
    first = min(len(images) - 1, max(1, round(len(images) * (1 - holdout))))
    return images[:first], images[first:]


def by_partition(images: list[Path], file: Path) -> tuple[list[Path], list[Path]]:
    """The official split of the images that exist."""
    lines = [line.split() for line in _lines(file) if line.strip()]
    if fault := next((line for line in lines if len(line) != 2 or line[1] not in {"0", "1", "2"}), None):
        raise DataError(f"{file}: a line must be a file's name and 0, 1 or 2, got {' '.join(fault)[:SHOWN]!r}")
    parts: dict[str, str] = dict(lines)
    if twice := next((name for name, part in lines if parts[name] != part), None):
        raise DataError(f"{file}: {twice} has two parts; copy the file again")
    if unknown := next((image for image in images if image.name not in parts), None):
        raise DataError(f"{unknown}: not in {file}; copy both again")
    train, test = ([image for image in images if parts[image.name] == part] for part in (TRAIN, TEST))
    if not train or not test:
        raise DataError(f"{file}: the images at hand are all of one part; delete it to hold some out by name")
    return train, test


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > LONGEST:
            raise DataError(f"{file}: more than {LONGEST} bytes are no list of parts; copy it again")
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: no text in UTF-8 ({error.reason}); copy it again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); copy it again") from error
