"""Photographs from disk to batches: which files, decoded once, augmented on the device."""

from renormal.data.folder import folder
from renormal.data.memory import Labelled, channels_of, load_test, load_training
from renormal.data.mvtec import CATEGORIES, mvtec
from renormal.data.source import Augmentation, DataError, Fit, Item, Kind, Source
from renormal.data.stand_in import stand_in
from renormal.data.transforms import TrainingBatches, random_affine, random_crops

__all__ = [
    "CATEGORIES",
    "Augmentation",
    "DataError",
    "Fit",
    "Item",
    "Kind",
    "Labelled",
    "Source",
    "TrainingBatches",
    "channels_of",
    "folder",
    "load_test",
    "load_training",
    "mvtec",
    "random_affine",
    "random_crops",
    "stand_in",
]
