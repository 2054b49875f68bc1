"""state.json, plan.json, .planned/ and choice.json."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from renormal.schema.kinds import MANY, Closed, Count, Name, Named, Number, Place, Schema, Seconds, Text, brief, inside


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return value


def _named(value: object) -> str:
    if not _text(value):
        raise ValueError("is empty")
    return _text(value)


def _below(value: object) -> str:
    return inside(_text(value))


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
    at_a_time: Annotated[int, Field(ge=1, le=MANY)] = 1  # jobs that run together
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


class Result(Closed):
    """What one descent finds under one stop and one score."""

    quantile: Number | None
    score: Name
    metrics: Named


class Measurement(Closed):
    """One descent, and its results. key: projection, settings that have an effect, quantiles."""

    key: Annotated[list[Text], Field(min_length=3, max_length=3)]
    results: Annotated[list[Result], Field(max_length=MANY)]


class ChoiceBegun(Schema):
    """choice.part.json: what the stage choose has measured so far."""

    facts: dict[str, Any]
    measurements: Annotated[list[Measurement], Field(max_length=MANY)]


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


Side = Annotated[int, Field(ge=1, le=10**6)]  # pixels


class Box(Closed):
    """A defect on the pixels of its photograph."""

    x: Count
    y: Count
    width: Side
    height: Side
    area: Annotated[int, Field(ge=1, le=10**12)]


class Prediction(Schema):
    """A line of predictions.jsonl: an answer, or an error. A name need not be UTF-8."""

    image: Annotated[Any, AfterValidator(_named)]
    error: Annotated[Any, AfterValidator(_named)] = ""
    overlay: Annotated[Any, AfterValidator(_below)] = ""
    mask: Annotated[Any, AfterValidator(_below)] = ""
    map: Annotated[Any, AfterValidator(_below)] = ""
    note: Annotated[Any, AfterValidator(_named)] = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?\z")] = ""
    score: Number | None = None
    threshold: Number | None = None
    p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    defective: bool | None = None
    defects: Annotated[list[Box], Field(max_length=10**9)] | None = None
    width: Side | None = None
    height: Side | None = None
    grey: bool | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Prediction:
        answer = (self.score, self.defective, self.defects, self.width, self.height)
        if "error" not in self.model_fields_set and None in answer:
            raise ValueError("neither an answer nor an error")
        return self

    @model_validator(mode="after")
    def _agrees(self) -> Prediction:
        if (
            self.score is not None
            and self.threshold is not None
            and self.defective is not (self.score > self.threshold)
        ):
            raise ValueError("the score, the threshold and the verdict contradict each other")
        width, height = self.width or 0, self.height or 0
        for box in self.defects or []:
            if box.x + box.width > width or box.y + box.height > height or box.area > box.width * box.height:
                raise ValueError("a defect is larger than its photograph or than its box")
        return self
