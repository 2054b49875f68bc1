"""Settings of the data: conf/data/*.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import ConfigDict

from renormal.settings.kinds import Below, Bits, Channels, Count, HoldOut, Name, Path, Seed, Side
from renormal.settings.objects import Group, Object, OneOf

Few = Annotated[int, Ge(1), Le(100_000)]  # images that are drawn
Root = Annotated[Path | None, "Folder of the images; null: none yet, or that of the table."]
MaxPixels = Annotated[Count, "A larger image is an error, before it is decoded."]


class Augmentation(Group):
    """How far a part may turn and shift and still be good."""

    rotate: Annotated[float, Ge(0), Le(180), "Degrees, in both directions."]
    translate: Annotated[float, Ge(0), Le(0.5), "Share of the side, in both directions."]
    mirror_x: Annotated[bool, "Whether left and right may swap."]
    mirror_y: Annotated[bool, "Whether top and bottom may swap."]


class AugmentationObject(Augmentation, Object):
    targets = ("renormal.data.Augmentation",)


class MVTecFiles(Group):
    download: Annotated[bool, "Fetch what is missing from the publisher, 5.3 GB."]
    accept_licence: Annotated[bool, "The licence CC BY-NC-SA 4.0 was read: no commercial use."]
    url: Annotated[str, "Address of the archive."]
    sha256: Annotated[str, "SHA-256 of the archive."]
    max_pixels: MaxPixels


class RehearsalFiles(Group):
    seed: Annotated[Seed, "Of the drawn images, not of the training."]
    train: Annotated[Few, "Good training images."]
    good: Annotated[Few, "Good test images."]
    defective: Annotated[Few, "Test images of each defect type."]


class CelebaFiles(Group):
    holdout: Annotated[float, Gt(0), Lt(1), "Share of the images that is tested where the set has no partition."]
    mirror: Annotated[bool, "Whether training images are mirrored, left to right."]
    max_pixels: MaxPixels


class OwnFiles(Group):
    """Of photographs of one's own."""

    kind: Annotated[
        Literal["object", "texture"] | None,
        "object: an image shows one part; texture: any crop shows the same; null: guessed from the images.",
    ]
    holdout: Annotated[HoldOut, "n: every n-th good image is tested and not trained on; 0: none."]
    fit: Annotated[Literal["squash", "crop"], "Images that are not square: squash keeps all of it, crop the centre."]
    max_pixels: MaxPixels


class FolderFiles(OwnFiles):
    masks: Annotated[Literal["optional", "required"], "required: a defective image without a mask is an error."]


class TableFiles(OwnFiles):
    csv: Annotated[Path | None, "The table; null: none yet."]


class Placed(Object):
    root: Root
    category: Annotated[Below, "Which part of the data set."]


class MVTecSource(MVTecFiles, Placed):
    targets = ("renormal.data.mvtec",)


class RehearsalSource(RehearsalFiles, Placed):
    targets = ("renormal.data.stand_in",)


class CelebaSource(CelebaFiles, Object):
    targets = ("renormal.data.celeba",)
    root: Root


class FolderSource(FolderFiles, Object):
    targets = ("renormal.data.folder",)
    root: Root
    name: Annotated[Name, "Of the category."]
    augmentation: Annotated[Any, OneOf("an augmentation", (AugmentationObject,)), "How far a part may turn and shift."]


class TableSource(TableFiles, Placed):
    targets = ("renormal.data.table",)
    augmentation: Annotated[Any, OneOf("an augmentation", (AugmentationObject,)), "How far a part may turn and shift."]


SOURCE = OneOf("a source of images", (MVTecSource, RehearsalSource, CelebaSource, FolderSource, TableSource))


class Data(Group):
    """What every data set has."""

    name: Annotated[Name, "Name of the data set."]
    category: Annotated[Below, "Name of the results, and which part of the data set."]
    root: Root
    texture_size: Annotated[Side | None, "Side of a texture, px; null: that of the photographs, at most 512."]
    object_size: Annotated[Side | None, "Side of an object, px; null: that of the photographs, at most 512."]
    patch_size: Annotated[Side, "Side of the patches of a texture that the network sees, px."]
    object_tiles: Annotated[
        bool | None,
        "Whether the network sees objects in patches, too; null: where good parts lie in any direction.",
    ] = False
    shrink: Annotated[
        list[Annotated[int, Ge(1), Le(64)]],
        Len(1),
        "The network sees an image at 1/n of its side, for each n in this list.",
    ] = [1]  # noqa: RUF012
    epoch_images: Annotated[Count, "Images of one epoch."]
    channels: Annotated[Channels | None, "1 or 3; null: as in the files."]
    bits: Annotated[
        Bits | None, "Bits that files of 16 bit use; null: the fewest that hold the brightest training image."
    ] = None
    examine: Annotated[bool, "Whether the photographs are compared with each other before the job."] = False
    notes: Annotated[dict[str, str], "By category, a remark that is printed under the table."]
    source: Annotated[Any, SOURCE, "Which files train and which test."]


class MVTec(MVTecFiles, Data):
    targets = MVTecSource.targets


class Rehearsal(RehearsalFiles, Data):
    targets = RehearsalSource.targets


class Celeba(CelebaFiles, Data):
    targets = CelebaSource.targets


class Folder(FolderFiles, Data):
    targets = FolderSource.targets
    augmentation: Annotated[Augmentation, "How far a part may turn and shift and still be good."]


class Table(TableFiles, Data):
    targets = TableSource.targets
    augmentation: Annotated[Augmentation, "How far a part may turn and shift and still be good."]


class OtherData(Data):
    model_config = ConfigDict(extra="allow")


DATA = OneOf("a data set", (MVTec, Rehearsal, Celeba, Folder, Table), other=OtherData, below="source")
