"""Objects that may lie in any direction are turned in training and seen in tiles. Decided before a digest is taken."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

from omegaconf import DictConfig, OmegaConf

from renormal.data import Source
from renormal.data.kind import other_kind
from renormal.data.turns import SHARE, look_at

ANY_DIRECTION = 90.0  # degrees of data.augmentation.rotate, ours: ± 90° are half of all directions
TURNED = 180  # degrees, where the photographs show parts in many directions
ROTATE = ("data.augmentation.rotate", "data.source.augmentation.rotate")
LIE = (
    "{name}: the good parts lie in many directions: {share:.0%} of the pairs of photographs match better after a turn; "
    "so training turns them (data.augmentation.rotate=180); {mend} if a turned part is a defect"
)
SEEN = (
    "{name}: a good part may lie in any direction (rotate={rotate:g}), so it is seen in tiles of {patch} px "
    "(data.object_tiles=true); data.object_tiles=false shows it to the network as a whole, at {size} px"
)


def with_directions(config: DictConfig, source: Source) -> tuple[DictConfig, Source, tuple[str, ...]]:
    """Config and source with how a good part may lie, and how it is seen, and the lines that say so."""
    config, source, lines = with_turns(config, source)
    config, more = with_tiles(config, source)
    return config, source, lines + more


def with_turns(config: DictConfig, source: Source) -> tuple[DictConfig, Source, tuple[str, ...]]:
    """Turned by TURNED in training, if the training photographs show objects that lie in many directions.

    Only where `data.object_tiles` is null, or true in a network that is trained further, and nothing is said about
    turns: `data.augmentation.rotate` is there and 0. Data sets whose augmentation is known (`data=mvtec`) have no such
    key. Photographs that look like a texture get a line, unless `data.examine` says it.
    """
    open_question = True if config.get("continue") is not None else None
    if source.kind != "object" or config.data.get("object_tiles", False) is not open_question:
        return config, source, ()
    if OmegaConf.select(config, ROTATE[0]) != 0:
        return config, source, ()
    share, guess = look_at(source)
    if share < SHARE or guess.kind == "texture":
        return (
            config,
            source,
            () if config.data.get("examine") else other_kind(source, guess, fixed=bool(open_question)),
        )
    source = replace(source, augmentation=replace(source.augmentation, rotate=TURNED))
    mend = "data.augmentation.rotate=1" if open_question else "data.object_tiles=false"
    line = LIE.format(name=source.name, share=share, mend=mend)
    return changed(config, dict.fromkeys(ROTATE, TURNED)), source, (line,)


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
    values: dict[str, object] = {"data.object_tiles": tiled}
    if tiled and size is not None and size <= patch:
        values["data.object_size"] = given.texture_size
    line = SEEN.format(name=source.name, rotate=source.augmentation.rotate, patch=patch, size=size or patch)
    return changed(config, values), (line,) if tiled else ()


def changed(config: DictConfig, values: Mapping[str, object]) -> DictConfig:
    """A copy with other values at these keys, and as read-only as the config."""
    after = deepcopy(config)
    OmegaConf.set_readonly(after, False)
    for key, value in values.items():
        OmegaConf.update(after, key, value)
    OmegaConf.set_readonly(after, OmegaConf.is_readonly(config))
    return after


def lies_anyhow(source: Source) -> bool:
    """Whether the data set shows objects, and a good one may lie in any direction."""
    return source.kind == "object" and source.augmentation.rotate >= ANY_DIRECTION
