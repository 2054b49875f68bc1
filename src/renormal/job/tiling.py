"""Objects that may lie in any direction are seen in tiles, as textures are. Decided before a digest is taken."""

from __future__ import annotations

from copy import deepcopy

from omegaconf import DictConfig, OmegaConf

from renormal.data import Source

ANY_DIRECTION = 90.0  # degrees of data.augmentation.rotate, ours: ± 90° are half of all directions
SEEN = (
    "{name}: a good part may lie in any direction (rotate={rotate:g}), so it is seen in tiles of {patch} px "
    "(data.object_tiles=true); data.object_tiles=false shows it to the network as a whole, at {size} px"
)


def with_tiles(config: DictConfig, source: Source) -> tuple[DictConfig, tuple[str, ...]]:
    """The config with `data.object_tiles` true or false where it is null, and the line that says so if it is true.

    True for objects whose augmentation turns them by ANY_DIRECTION or more: a network learns little from the whole of a
    part that lies in another way each time, and a defect of a few pixels is lost at 128 px. Such a part is seen at
    `data.texture_size`, unless `data.object_size` is above `data.patch_size`. config: resolved.
    """
    given = config.data
    if given.get("object_tiles", False) is not None:
        return config, ()
    tiled, size, patch = lies_anyhow(source), given.object_size, given.patch_size
    after, read_only = deepcopy(config), OmegaConf.is_readonly(config)
    OmegaConf.set_readonly(after, False)
    after.data.object_tiles = tiled
    if tiled and size is not None and size <= patch:
        after.data.object_size = given.texture_size
    OmegaConf.set_readonly(after, read_only)
    line = SEEN.format(name=source.name, rotate=source.augmentation.rotate, patch=patch, size=size or patch)
    return after, (line,) if tiled else ()


def lies_anyhow(source: Source) -> bool:
    """Whether the data set shows objects, and a good one may lie in any direction."""
    return source.kind == "object" and source.augmentation.rotate >= ANY_DIRECTION
