"""record.json: what it says about a job, and what is drawn from it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from renormal.schema.config import Config
from renormal.schema.jobs import Choice
from renormal.schema.kinds import (
    LARGE,
    MANY,
    Closed,
    Count,
    Grown,
    Name,
    Named,
    Number,
    Numbers,
    Place,
    Schema,
    Seconds,
    Text,
    brief,
)

SHARES = re.compile(r"(?:\w+_)?(?:auroc|aupro|aupimo|f1|average_precision)(?:_.*)?|(?:image_)?recall/.*", re.DOTALL)
ROUNDING = 1e-6  # of a sum of shares
COLUMNS = 500  # of a record, ours: a table has a column for each


def _positive(text: str) -> str:
    if not 0 < float(text) <= LARGE:
        raise ValueError("must be a number above 0")
    return text


def _share(text: str) -> str:
    if not 0 <= float(text) <= 1:
        raise ValueError("must be a number from 0 to 1")
    return text


def _drawable(metrics: dict[str, float]) -> dict[str, float]:
    if (columns := len({key.partition("/")[0] for key in metrics})) > COLUMNS:
        raise ValueError(f"{columns} columns, more than {COLUMNS}")
    for key, value in metrics.items():
        if SHARES.fullmatch(key.partition("/")[2]) and not 0 <= value <= 1 + ROUNDING:
            raise ValueError(f"{brief(key)} must be from 0 to 1, got {value:g}")
    return metrics


def _none_if_empty(value: Any) -> Any:
    if value is None:
        raise ValueError("must be an object")
    return value or None if isinstance(value, dict) else value


class Film(Schema):
    """The strip of a descent, and the iterations that it shows."""

    file: Name
    iterations: Annotated[list[Count], Field(min_length=1, max_length=1000)]
    path: Name = ""


class Repaired(Schema):
    """One image of a picture of repairs."""

    path: Name = ""
    psnr: Number


class Curve(Schema):
    """Of a projection: numbers after each iteration, its film. Of a kind of hole: the picture of the repairs."""

    __pydantic_extra__: dict[Name, Grown | Numbers]
    path: Film | None = None
    iterations: list[Count] | None = None
    steps: list[Count] | None = None
    file: Name = ""
    columns: Annotated[list[Name], Field(min_length=1, max_length=100)] = []
    rows: Annotated[list[Repaired], Field(min_length=1, max_length=1000)] = []

    @model_validator(mode="after")
    def _has_one_number_an_iteration(self) -> Curve:
        lists = [value for value in self.__pydantic_extra__.values() if isinstance(value, list)]
        if self.iterations is not None and any(len(values) != len(self.iterations) for values in lists):
            raise ValueError(f"a list has not one number for each of {len(self.iterations)} iterations")
        if self.steps is not None and not sum(self.steps):
            raise ValueError("steps count no sample")
        return self


class Panel(Schema):
    """The pictures of one test image. All values are text."""

    __pydantic_extra__: dict[Name, Name]
    file: Name = ""
    maps: Name = ""
    tiles: Name = ""
    path: Name = ""
    defect: Name = ""
    projection: Name = ""
    limit: Annotated[Name, AfterValidator(_positive)] = "1"
    baseline_limit: Annotated[Name, AfterValidator(_positive)] = "1"
    auroc: Annotated[Name, AfterValidator(_share)] = "1"


class Examined(Schema):
    """What was found in the photographs before the job."""

    lines: Annotated[list[Text], Field(max_length=1000)] = []
    sheet: Place = ""


class Data(Schema):
    """What a record says about the images."""

    train_images: Count = 0
    test_good: Count = 0
    test_defective: Count = 0
    size: Count = 0
    channels: Count = 3
    bits: Count = 8
    fit: Name = ""
    colours: Literal["", "grey", "colour", "both"] = ""  # of the training photographs; "": not known
    shapes: Annotated[list[Annotated[float, Field(gt=0, le=10**6)]], Field(max_length=2)] = []  # their width / height
    regions: Name = ""
    scores: Name = ""
    note: Text = ""
    examination: Examined = Examined()


class Device(Schema):
    """What a record says about the machine."""

    name: Name = ""
    type: Name = ""
    precision: Name = ""
    threads: Annotated[int, Field(ge=1, le=10**6)] = 1
    count: Annotated[int, Field(ge=1, le=10**6)] = 1


class SettledDescent(Closed):
    """Of one projection: what the device and normal images decided."""

    slots: Annotated[int, Field(ge=1, le=65_536)]
    check_every: Annotated[int, Field(ge=1, le=10**6)]
    precision: Literal["float32", "bfloat16"]
    threshold: Grown | None = None


class InspectedNetwork(Closed):
    """Of one autoencoder: its descents by name, the state of its fitted scores by column.

    shrink: it saw images of 1/shrink of the side.
    """

    descents: dict[Name, SettledDescent]
    scores: dict[Name, dict[Name, Any]]
    shrink: Annotated[int, Field(ge=1, le=64)] = 1


class InspectedView(Closed):
    """Of one view of each image: whether it is mirrored, and its quarter turns."""

    mirror: bool
    turns: Annotated[int, Field(ge=0, le=3)]


class Inspection(Closed):
    """What a new photograph is inspected with."""

    networks: Annotated[list[InspectedNetwork], Field(min_length=1, max_length=100)]
    views: Annotated[list[InspectedView], Field(min_length=1, max_length=8)]
    tiles: Annotated[int, Field(ge=1, le=1024)]  # a batch is filled up to them, 64 so far
    good: dict[Name, Annotated[list[Number], Field(max_length=MANY)]]
    area: Annotated[int, Field(ge=1, le=10**9)] = 1
    held_out: bool | None = None


class RecordFile(Closed):
    """record.json, under today's names."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    name: Name
    model: Name
    category: Name
    kind: Literal["texture", "object"]
    seed: Annotated[int, Field(ge=-(2**63), le=2**64)]
    metrics: Annotated[Named, AfterValidator(_drawable)]
    undefined: dict[Name, Text] = {}
    maps: dict[Name, Named] = {}
    projections: dict[Name, dict[Name, Grown | None]] = {}
    seconds: dict[Name, Seconds] = {}
    training: dict[Name, Grown | None] = {}
    data: Data = Data()
    device: Device = Device()
    versions: dict[Name, Name] = {}
    commit: Name = ""
    command: dict[Name, Text] = {}
    config: Config = Config()
    hashes: dict[Name, Name] = {}
    curves: Annotated[dict[Name, Curve], Field(max_length=200)] = {}  # a chart draws each
    choice: Annotated[Choice | None, BeforeValidator(_none_if_empty)] = None
    inspection: Annotated[Inspection | None, BeforeValidator(_none_if_empty)] = None
    panels: Annotated[list[Panel], Field(max_length=MANY)] = []
