"""Kind, fit and augmentation that a digest means where it does not name them: those of the published records.

A source that was built otherwise is named in the digest, so that a change of data.mvtec.CATEGORIES trains anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renormal.data import Augmentation, Fit, Kind

Built = tuple[Kind, Fit, Augmentation]
CROPS: Built = ("texture", "squash", Augmentation())
MVTEC: dict[str, Built] = {
    **dict.fromkeys(("carpet", "grid", "leather", "tile", "wood"), CROPS),
    "bottle": ("object", "squash", Augmentation(15, 0.02, mirror_x=True, mirror_y=True)),
    "cable": ("object", "squash", Augmentation(3, 0.02)),
    "capsule": ("object", "squash", Augmentation(3, 0.02)),
    "hazelnut": ("object", "squash", Augmentation(180, 0.03, mirror_x=True, mirror_y=True)),
    "metal_nut": ("object", "squash", Augmentation(180, 0.03)),
    "pill": ("object", "squash", Augmentation(15, 0.02)),
    "screw": ("object", "squash", Augmentation(180, 0.03)),
    "toothbrush": ("object", "squash", Augmentation(3, 0.02, mirror_x=True)),
    "transistor": ("object", "squash", Augmentation(0, 0.01)),
    "zipper": ("object", "squash", Augmentation(2, 0.02)),
}


def former_source(data: Mapping[str, Any]) -> Built | None:
    """Kind, fit and augmentation of the data of a config; None for a data set that no published record has."""
    if data.get("name") == "celeba":
        return "object", "face", Augmentation(mirror_x=data["mirror"])
    if data.get("name") == "folder":
        moves = {key: value for key, value in data["augmentation"].items() if key != "_target_"}
        return data["kind"], data["fit"], Augmentation(**moves)
    return MVTEC.get(str(data.get("category")))
