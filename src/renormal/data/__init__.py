"""Photographs from disk to batches: the files (here, without torch), decoded once (memory), augmented (transforms)."""

from renormal.data.celeba import celeba
from renormal.data.folder import folder
from renormal.data.mvtec import CATEGORIES, mvtec
from renormal.data.source import GOOD, Augmentation, DataError, Fit, Item, Kind, Source, hold_out, set_apart
from renormal.data.stand_in import stand_in
from renormal.data.table import table

__all__ = [
    "CATEGORIES",
    "GOOD",
    "Augmentation",
    "DataError",
    "Fit",
    "Item",
    "Kind",
    "Source",
    "celeba",
    "folder",
    "hold_out",
    "mvtec",
    "set_apart",
    "stand_in",
    "table",
]
