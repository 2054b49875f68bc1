"""The JSON files of a job and of a sweep, as schemas: record, state, plan, choice. Anybody may have written them.

`checked` takes what `files.read_json` has decoded, in which numbers are finite and no key stands twice. Types are
strict: "1" is no number, and true is none. A schema describes what is read, all else in a file is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from renormal.text import is_printable, printable, without_secrets

LARGE = 1e18  # of a score or a metric: sums and squares of such numbers are finite
LARGEST = 1e300  # of a loss or an energy, which may have grown without end
MANY = 100_000  # entries of a list or an object
COLUMNS = 500  # of a record, ours: a table has a column for each
SHOWN = 60  # characters of a wrong value in a message
TEXT = 100_000  # characters of a note or an error


def _one_line(text: str) -> str:
    if not is_printable(text):
        raise ValueError("holds a control character")
    return text


def _inside(path: str) -> str:
    place = PurePosixPath(path)
    if place.is_absolute() or ".." in place.parts:
        raise ValueError("leads out of its folder")
    return path


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
    return metrics


def _none_if_empty(value: Any) -> Any:
    if value is None:
        raise ValueError("must be an object")
    return value or None if isinstance(value, dict) else value


Name = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]
Text = Annotated[str, Field(max_length=TEXT)]
Place = Annotated[Name, AfterValidator(_inside)]  # a path below the folder of its file
Number = Annotated[float, Field(ge=-LARGE, le=LARGE, allow_inf_nan=False)]
Grown = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Numbers = Annotated[list[Grown], Field(max_length=MANY)]
Named = Annotated[dict[Name, Number], Field(max_length=MANY)]
Kind = TypeVar("Kind", bound="Schema")


class Schema(BaseModel):
    """Strict types and finite numbers. Further fields are taken as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class Closed(Schema):
    """Without further fields."""

    model_config = ConfigDict(extra="forbid")


def checked(kind: type[Kind], content: Any, path: Path) -> Kind:
    """The content as `kind`. Raises ValueError with one line: the file, the field, and why."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {fault(error)}") from error


def fault(error: ValidationError) -> str:
    """The first fault as `field: why`, and how many more there are."""
    first, *more = error.errors(include_url=False, include_context=False)
    place = ".".join(printable(str(part))[:SHOWN] for part in first["loc"] if part != "[key]")
    why = (
        first["msg"]
        .removeprefix("Value error, ")
        .replace("Input should", "should")
        .replace("Field required", "is missing")
    )
    if first["type"] == "extra_forbidden":
        why = "unknown field"
    got = "" if first["type"] == "missing" else f", got {brief(first['input'])}"
    return f"{place or 'the whole file'}: {why}{got}{f' (and {len(more)} more)' if more else ''}"


def brief(value: Any) -> str:
    """A wrong value for a message: cut short, without what a URL must not show. Of an object or a list its kind."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) > 10**SHOWN:
        return f"a number of more than {SHOWN} digits"
    return printable(without_secrets(repr(value[:TEXT] if isinstance(value, str) else value)))[:SHOWN]


class State(Schema):
    """state.json of a job. Times in seconds since 1970."""

    state: Literal["running", "interrupted", "failed", "done"]
    stage: Name = ""
    epoch: Count = 0
    epochs: Annotated[int, Field(ge=-1, le=10**12)] | None = None  # wanted; −1 and None: as many as there are
    started: Seconds = 0.0
    updated: Seconds = 0.0
    error: Text = ""
    log: Name = ""


class Plan(Schema):
    """plan.json of a sweep: the folders of its jobs."""

    jobs: Annotated[list[Place], Field(max_length=MANY)]
    launcher: Name = ""
    started: Seconds = 0.0


class Images(Closed):
    """Numbers of images that a sweep found when it was planned."""

    training: Count
    spare: Count
    apart: Count = 0
    test: Count


class Planned(Closed):
    """What a sweep has planned for one job, in .planned/."""

    done: bool
    settings: dict[str, str]
    images: Images
    contents: str
    files: dict[str, str | None]


class Trial(Closed):
    """One projection with settings and a score, and its metrics on planted defects."""

    projection: Name
    score: Name
    settings: Named
    metrics: Named


class Choice(Schema):
    """choice.json: settings chosen on planted defects."""

    chosen: Trial
    reference: Trial
    metric: Name
    baseline: dict[Name, Named]
    held_out: bool
    trials: Annotated[list[Trial], Field(max_length=MANY)] = []
    schema_: Annotated[Literal[1], Field(alias="schema")]
    model: Name = ""
    category: Name = ""
    seed: int = 0

    @model_validator(mode="after")
    def _has_its_metric(self) -> Choice:
        measured = [self.chosen.metrics, self.reference.metrics, *self.baseline.values()]
        if not all(self.metric in metrics for metrics in (*measured, *(trial.metrics for trial in self.trials))):
            raise ValueError(f"the metric {brief(self.metric)} is not everywhere")
        return self


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


class ModelConfig(Schema):
    label: Name | None = None
    paper: Name | None = None
    net: dict[str, Any] = {}


class DataConfig(Schema):
    name: Name | None = None
    patch_size: Count = 1


class Projection(Schema):
    step_size: Number | None = None
    energy: dict[str, Any] = {}


class Called(Schema):
    """A part of a config that is built by its `_target_`."""

    target: Annotated[Name, Field(alias="_target_")] = ""


class TestConfig(Schema):
    crossed: bool | None = None


class Choosing(Schema):
    scores: dict[Name, Any] | None = None


class Logging(Schema):
    project: Name | None = None
    entity: Name | None = None
    mode: Name | None = None


class Loggers(Schema):
    wandb: Logging | None = None


class Config(Schema):
    """The resolved config of a record: the parts that the report reads."""

    name: Name = ""
    stages: list[Name] = []
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    projections: dict[Name, Projection] = {}
    score: Called | None = None
    scores: dict[Name, Any] | None = None
    choose: Choosing = Choosing()
    test: TestConfig = TestConfig()
    logger: Loggers = Loggers()


class SettledDescent(Closed):
    """Of one projection: what the device and normal images decided."""

    slots: Annotated[int, Field(ge=1, le=10**6)]
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
    tiles: Annotated[int, Field(ge=1, le=10**6)]
    good: dict[Name, Numbers]
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
