"""One test sample as two strips: x0 | f(x0) | x_N | map of f(x0) | map of x_N | truth, and the maps alone in grey.

Below each picture stands what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from torch import Tensor

from renormal.contracts import BASELINE, Batch, Images, Maps
from renormal.lit.captions import Pixels, write_png
from renormal.metrics import image_pixel_auroc

TILES = ("x0", "f(x0)", "x_N", "map of f(x0)", "map of x_N", "truth")
RED = (230, 30, 40)
LONGEST = 120  # ours, bytes of a path in a file name: most file systems take 255 with all that comes before and after
DEFECT, UNKNOWN = 255, 128  # greys of the truth in the strip of maps; normal pixels are 0

Picture = Annotated[Tensor, "(C, H, W), C = 1 or 3, values in [0, 1]"]
Map = Annotated[Tensor, "(H, W), values >= 0"]


def write_panel(
    folder: Path,
    name: str,
    *,
    x0: Picture,
    baseline: tuple[Picture, Map] | None,
    projected: tuple[Picture, Map],
    regions: Annotated[Tensor, "(H, W), integer"],
    limits: tuple[float, float],
) -> dict[str, str]:
    """Write `folder/<name>.png` for people and `folder/<name>-maps.png` for thresholds; return the record's entry.

    baseline, projected: f(x0) and x_N, each with its map. limits: the tops of the scales of both maps, from 0: in
    colours in the first file, as 8-bit grey in the second, which shows map of f(x0) | map of x_N | truth. A model
    without f(x0) leaves its tiles black, an image without a marked defect leaves the truth of the first file white. The
    entry has the pixel AUROC of the map of x_N if the truth has normal and defective pixels.
    """
    end, end_map = projected
    before, before_map = baseline or (torch.zeros_like(x0), torch.zeros_like(end_map))
    tiles = [pixels(x0), pixels(before), pixels(end), *map(heat, (before_map, end_map), limits)]
    tiles += [outlined(pixels(x0), regions) if (regions > 0).any() else np.full_like(tiles[0], 255)]
    lacking = [name for name in TILES[:5] if baseline is None and "f(x0)" in name]
    lacking += [] if (regions > 0).any() else ["truth"]
    captions = captions_of(limits, regions, has_baseline=baseline is not None)
    file = folder / f"{plain(name)}.png"
    write_png(file, np.concatenate(tiles, axis=1), captions)
    greys = np.concatenate([*map(grey, (before_map, end_map), limits), truth(regions)], axis=1)
    maps = folder / f"{plain(name)}-maps.png"
    write_png(maps, greys, captions[3:])
    entry = {"file": f"{folder.name}/{file.name}", "maps": f"{folder.name}/{maps.name}"}
    entry["tiles"] = " | ".join("" if name in lacking else name for name in TILES)
    entry |= {"baseline_limit": f"{limits[0]:g}", "limit": f"{limits[1]:g}"}
    auroc = image_pixel_auroc(end_map, regions)
    return entry if auroc is None else entry | {"auroc": f"{auroc:.6f}"}


def captions_of(limits: tuple[float, float], regions: Tensor, *, has_baseline: bool) -> list[str]:
    """What stands below each of TILES. limits: tops of the scales of both maps."""
    unknown = "no mask" if (regions < 0).all() else "no defect"
    ends = [f"map of {name}, 0 to {limit:.2g}" for name, limit in zip(("f(x0)", "x_N"), limits, strict=True)]
    found = ["x0, the photograph", "f(x0), reconstructed", "x_N, projected", *ends]
    found = [text if has_baseline or "f(x0)" not in text else "no f(x0)" for text in found]
    return [*found, "truth: the defect" if (regions > 0).any() else unknown]


def draw(
    folder: Path,
    name: str,
    sample: Batch,
    row: int,
    whole: Mapping[str, tuple[Images, Maps]],
    *,
    limits: Mapping[str, float],
) -> dict[str, str]:
    """Write the panel of one image of a batch.

    name: of the projection. whole: column → its images and maps. limits: column → top of the scale of its maps.
    """
    path, given = sample.path[row], whole.get(BASELINE)
    entry = write_panel(
        folder,
        f"{name}-{distinct(path)}",
        x0=sample.image[row],
        baseline=given and (given[0][row], given[1][row]),
        projected=(whole[name][0][row], whole[name][1][row]),
        regions=sample.regions[row],
        limits=(limits.get(BASELINE, limits[name]), limits[name]),
    )
    return {**entry, "path": path, "defect": sample.defect[row], "projection": name}


def plain(name: str) -> str:
    """A sample's path as a file name: test/bent/000.png → test-bent-000."""
    return "-".join(PurePosixPath(name).with_suffix("").parts)


def distinct(path: str) -> str:
    """The path, with a digest in its name where another path could become the same file name, as 1.jpg and 1.png.

    Of a longer path the begin.
    """
    pure = PurePosixPath(path)
    if len(path.encode()) > LONGEST:
        begin = path.encode()[:LONGEST].decode(errors="ignore")
        return f"{begin.replace('/', '-')}-{sha256(path.encode()).hexdigest()[:8]}.png"
    if pure.suffix == ".png" and "-" not in path:
        return path
    return str(pure.with_name(f"{pure.stem}-{sha256(path.encode()).hexdigest()[:8]}.png"))


def pixels(image: Picture) -> Pixels:
    """[0, 1] → 8-bit RGB, (C, H, W) → (H, W, 3)."""
    scaled = image.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return scaled.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()


def grid(rows: Iterable[Iterable[Picture]]) -> Pixels:
    """One picture of many in 8-bit RGB: the images of a row from left to right, the rows from top to bottom."""
    return np.concatenate([np.concatenate([pixels(image) for image in row], axis=1) for row in rows])


def grey(values: Map, limit: float) -> Pixels:
    """A map in 8 bits, (H, W): 0 at 0, 255 from `limit` on."""
    if limit <= 0:
        raise ValueError(f"limit must be > 0, got {limit}")
    share = (values.detach().float() / limit).clamp(0, 1)
    return share.mul(255).round().to(torch.uint8).cpu().numpy()


def heat(values: Map, limit: float) -> Pixels:
    """A map in colours of rising lightness, black at 0 and brightest from `limit` on."""
    return np.asarray(colormaps["inferno"](grey(values, limit).astype(int), bytes=True)[..., :3], dtype=np.uint8)


def truth(regions: Tensor) -> Pixels:
    """(H, W): 255 for a defect, 128 for a pixel without a mask, 0 for a normal one."""
    greys = torch.where(regions > 0, DEFECT, torch.where(regions < 0, UNKNOWN, 0))
    return greys.to(torch.uint8).cpu().numpy()


def outlined(image: Pixels, regions: Tensor) -> Pixels:
    """The image with a red line around each defect, outside of it, about 1/128 of the image wide."""
    defect = (regions > 0).float()[None]
    width = max(1, round(min(regions.shape) / 128))
    grown = F.max_pool2d(defect, kernel_size=2 * width + 1, stride=1, padding=width)
    line = (grown > defect)[0].cpu().numpy()
    return np.where(line[..., None], np.array(RED, dtype=np.uint8), image)


def first_of_each_defect(defects: Sequence[str], paths: Sequence[str], count: int) -> list[str]:
    """The paths of the samples to draw: one of each defect in turn, by position and not by result."""
    by_defect: dict[str, list[str]] = {}
    for defect, path in zip(defects, paths, strict=True):
        by_defect.setdefault(defect, []).append(path)
    turns = max(map(len, by_defect.values()), default=0)
    order = [own[turn] for turn in range(turns) for own in by_defect.values() if turn < len(own)]
    return order[:count]
