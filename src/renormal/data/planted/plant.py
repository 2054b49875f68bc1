"""The planted defects: which of them lies on which good image, with its exact mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from renormal.contracts import Images
from renormal.data.memory import Labelled
from renormal.data.planted.kinds import Kind, bent, blurred, foreign, grafted, missing, pasted, scratch, stain
from renormal.data.planted.pairs import pairs
from renormal.data.planted.shapes import CELLS, LATTICES, UNIFORMS, Draw, centres
from renormal.data.regions import EIGHT
from renormal.data.transforms import stream
from renormal.functional import chance
from renormal.functional.damage import Family

PLANTED, PAIRED = 3, 4  # first number of a stream's key, as BATCH and ORDER are of training's
KINDS: tuple[Kind, ...] = (scratch, stain, foreign, pasted, grafted, blurred, missing, bent)
CHANGED = 5 / 255  # from here on a pixel is another, ours
GAP = 0.01  # of the short side: good pixels that narrow between changed ones belong to the defect, ours
SPECK = 0.0003  # of the image: a smaller region is no defect, ours
VISIBLE = 0.06  # mean change inside a mask below which a person might not call it a defect: 15 levels of 255, ours
FAINT = 0.03  # the same for the pairs of a family, ours: thin cracks have low contrast
AT_ONCE = 16  # defects painted together, ours


class Sort(NamedTuple):
    """Which kinds are planted, and with which numbers."""

    kinds: Mapping[str, Kind]
    key: int  # first number of the streams
    visible: float
    numbers: int  # uniform, of a defect
    lattice: tuple[int, int, int]

    def kind(self, i: int, count: int, turn: int) -> str:
        """Of defect i: in turns, and another for the same image in each pass over the `count` images."""
        return list(self.kinds)[(i + i // count + turn) % len(self.kinds)]


def sort_of(family: Family | None) -> Sort:
    """The frozen kinds, or the pairs of a family."""
    if family is None:
        kinds = {kind.__name__: kind for kind in KINDS}
        return Sort(kinds, PLANTED, VISIBLE, UNIFORMS, (LATTICES, CELLS, CELLS))
    return Sort(pairs(family), PAIRED, FAINT, chance.UNIFORMS, (chance.LATTICES, chance.CELLS, chance.CELLS))


def plant(good: Tensor, index: Sequence[int], *, seed: int, family: Family | None = None) -> Labelled:
    """Defect i of the sequence that `seed` names, for each i of `index`, on good[i mod N]: the same in any batch.

    good: (N, C, H, W) uint8, any channels and size. Kinds take turns; where one changes
    nothing that can be seen (a blur of a blank), the next is drawn. Outside of the regions an image does not change by
    a bit. family: of the pairs of an outline and a material that are planted; None: KINDS. A network that learns on one
    family is measured on the other. The generator is frozen: settings are chosen on it.
    """
    if good.ndim != 4 or good.dtype != torch.uint8 or not len(good):
        raise ValueError(f"planting needs good images, (N, C, H, W) uint8, got {good.dtype} {tuple(good.shape)}")
    images, regions, names = [], [], []
    for start in range(0, len(index), AT_ONCE):
        part = list(index[start : start + AT_ONCE])
        planted, masks, kinds = _visible(good, part, seed, sort_of(family))
        images.append(planted)
        regions += [ndimage.label(mask.numpy(), structure=EIGHT)[0].astype(np.int16) for mask in masks]
        names += kinds
    paths = [f"planted/{i:04d}-{name}" for i, name in zip(index, names, strict=True)]
    return Labelled(torch.cat(images), torch.from_numpy(np.stack(regions)), names, paths)


def _visible(good: Tensor, index: list[int], seed: int, sort: Sort) -> tuple[Tensor, Tensor, list[str]]:
    """Images, masks and kinds; what cannot be seen is drawn anew, as another kind."""
    images = good[[i % len(good) for i in index]]
    masks = torch.zeros(len(index), *images.shape[-2:], dtype=torch.bool)
    names = [""] * len(index)
    for turn in range(2 * len(sort.kinds)):
        for name in sort.kinds:
            rows = [row for row, i in enumerate(index) if not names[row] and sort.kind(i, len(good), turn) == name]
            if not rows:
                continue
            planted, cover = _painted(sort, name, good, [index[row] for row in rows], (seed, turn))
            seen = _change(planted, images[rows], cover) >= sort.visible
            for row, image, mask in ((rows[k], planted[k], cover[k]) for k in seen.nonzero()[:, 0].tolist()):
                images[row], masks[row], names[row] = image, mask, name
    if "" in names:
        raise ValueError(f"no defect can be seen on good image {index[names.index('')] % len(good)}: is it damaged?")
    return images, masks, names


def _painted(sort: Sort, kind: str, good: Tensor, index: list[int], seed: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """One kind on the images of these defects: uint8 images and boolean masks, outside of which nothing changed.

    seed: of all defects, and the turn.
    """
    draw, other = _draw(sort, index, len(good), seed)
    images = good[[i % len(good) for i in index]].float() / 255
    draw = draw._replace(centre=centres(images, draw.uniform[:, -1]))
    painted, cover = sort.kinds[kind](images, good[other].float() / 255, draw)
    whole = (torch.lerp(images, painted, cover) * 255).round()
    covered = cover[:, 0] > 0
    changed = ((whole - images * 255).abs().amax(dim=1) >= CHANGED * 255) & covered
    outlines = [_outline(one.numpy(), limit.numpy()) for one, limit in zip(changed, covered, strict=True)]
    masks = torch.from_numpy(np.stack(outlines))
    return torch.where(masks[:, None], whole, images * 255).round().to(torch.uint8), masks


def _outline(changed: NDArray[np.bool_], covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask as a person would draw it: gaps and holes are filled where something was painted, specks left out."""
    gap = max(1, round(GAP * min(changed.shape)))
    apart = np.pad(changed, gap)
    whole = ndimage.binary_fill_holes(ndimage.binary_closing(apart, iterations=gap))[gap:-gap, gap:-gap]
    labels, _ = ndimage.label(whole & covered, structure=EIGHT)
    large = np.bincount(labels.ravel()) >= SPECK * changed.size
    large[0] = False  # the rest of the image
    kept: NDArray[np.bool_] = large[labels]
    return kept


def _draw(sort: Sort, index: list[int], count: int, seed: tuple[int, int]) -> tuple[Draw, Tensor]:
    """Each defect's own numbers, without its centre, and the number of the other good image that it may use."""
    uniform, lattice = [], []
    for i in index:
        generator = stream(sort.key, seed[0], i, seed[1])
        uniform.append(torch.rand(sort.numbers, generator=generator))
        lattice.append(torch.randn(sort.lattice, generator=generator))
    numbers = torch.stack(uniform)
    away = 1 + (numbers[:, -2] * max(1, count - 1)).long()  # never itself where there is another
    other = (torch.tensor(index) + away) % count
    return Draw(numbers, torch.stack(lattice), torch.zeros(len(index), 2)), other


def _change(planted: Images, before: Images, mask: Tensor) -> Tensor:
    """Mean over each mask of the largest change of a channel, (B,) in levels of [0, 1]; 0 for an empty mask."""
    change = (planted.float() - before.float()).abs().amax(dim=1) / 255
    return (change * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1)
