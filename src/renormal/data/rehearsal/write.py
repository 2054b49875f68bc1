"""One image with its exact mask, and one category on disk in the layout of MVTec AD."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from renormal.data.rehearsal.canvas import blank, expose
from renormal.data.rehearsal.categories import TABLE, Category, Redrawn
from renormal.files import read_json

VERSION = 1  # raise it with every change that changes a pixel
LEAST_CHANGE = 4  # of 255 levels: a pixel whose every channel changed less is given back its clean value
LEAST_AREA = 0.001  # of the page: a smaller defect is drawn again, elsewhere
ATTEMPTS = 50
PARAMETERS = "rehearsal.json"


class Pair(NamedTuple):
    """The same object, light and grain, without and with the defect: they differ in the mask and nowhere else."""

    clean: NDArray[np.uint8]  # (H, W, C), C = 1 or 3
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]  # (H, W), true where any channel changed by LEAST_CHANGE or more


def generator(*key: str | int) -> Generator:
    """Its own stream for every key, so that no image depends on how many others are drawn."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def render_pair(category: str, *, seed: int, split: str, defect: str, index: int, size: int) -> Pair:
    """Image `index` of a split, its clean twin and its mask; `defect="good"` has an empty mask."""
    row, page, name = TABLE[category], blank(size), (seed, category, split, defect, index)
    scene = row.draw(page, generator(*name, "object"))
    clean = expose(page, scene.image, generator(*name, "camera"))
    if defect == "good":
        return Pair(clean, clean, np.zeros((size, size), bool))
    for attempt in range(ATTEMPTS):
        flaw, kind = generator(*name, "defect", attempt), row.defects[defect]
        if isinstance(kind, Redrawn):
            spoilt = row.draw(page, generator(*name, "object"), **{kind.part: flaw}).image
        else:
            spoilt = kind(page, scene, flaw)
        image = expose(page, spoilt, generator(*name, "camera"))
        mask = np.abs(image.astype(np.int16) - clean).max(-1) >= LEAST_CHANGE
        if mask.mean() >= LEAST_AREA:
            return Pair(clean, np.where(mask[..., None], image, clean), mask)
    raise RuntimeError(
        f"{category}/{defect}: {ATTEMPTS} attempts changed less than {LEAST_AREA:.1%} of a page of {size} pixels"
    )


def write_category(
    root: Path,
    category: str,
    *,
    seed: int = 0,
    train: int = 60,
    good: int = 10,
    defective: int = 8,  # for each type of defect
    texture_size: int = 512,
    object_size: int = 256,
) -> Path:
    """Draw `<root>/<category>` once: complete or not there at all, however many processes ask at the same time."""
    if category not in TABLE:
        raise ValueError(f"category must be one of {', '.join(TABLE)}, got {category!r}")
    row, folder = TABLE[category], Path(root) / category
    size = texture_size if row.kind == "texture" else object_size
    counts = {"train": train, "good": good, "defective": defective}
    wanted = {"version": VERSION, "category": category, "seed": seed, "size": size, **counts}
    if not folder.exists():
        _write_once(folder, row, wanted)
    _check(folder, wanted)
    return folder


def _write_once(folder: Path, row: Category, wanted: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".rehearsal-") as scratch:
        draft = Path(scratch) / folder.name
        _write(draft, row, wanted)
        (draft / PARAMETERS).write_text(json.dumps(wanted, indent=2) + "\n")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process was first, and its folder is as complete as this one
                raise


def _write(draft: Path, row: Category, wanted: dict[str, Any]) -> None:
    splits = [("train", "good", wanted["train"]), ("test", "good", wanted["good"])]
    splits += [("test", defect, wanted["defective"]) for defect in row.defects]
    for split, defect, count in splits:
        images, masks = draft / split / defect, draft / "ground_truth" / defect
        images.mkdir(parents=True)
        if defect != "good":
            masks.mkdir(parents=True)
        for index in range(count):
            name = {"seed": wanted["seed"], "split": split, "defect": defect, "index": index, "size": wanted["size"]}
            pair = render_pair(wanted["category"], **name)
            _save(pair.image, images / f"{index:03d}.png")
            if defect != "good":
                _save(pair.mask * np.uint8(255), masks / f"{index:03d}_mask.png")


def _save(image: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(image.squeeze()).save(path, compress_level=1)


def _check(folder: Path, wanted: dict[str, Any]) -> None:
    """A folder drawn with other parameters, or not drawn here at all, is left alone and reported."""
    mend = "delete it or choose another root"
    record = folder / PARAMETERS
    if not record.exists():
        raise ValueError(f"{folder} holds no {PARAMETERS}, so it was not drawn by the rehearsal: {mend}")
    found = read_json(record)
    if not isinstance(found, dict):
        raise ValueError(f"{record} is damaged: {mend}")
    if found != wanted:
        other = ", ".join(f"{k}={found.get(k)} (asked: {v})" for k, v in wanted.items() if found.get(k) != v)
        raise ValueError(f"{folder} was drawn with other parameters, {other or 'and more of them'}: {mend}")
