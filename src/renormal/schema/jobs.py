"""state.json, plan.json, .planned/ and choice.json."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from renormal.schema.kinds import MANY, Closed, Count, Name, Named, Number, Place, Schema, Seconds, Text, brief


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return value


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


class Box(Closed):
    """A defect on the pixels of its photograph."""

    x: Count
    y: Count
    width: Count
    height: Count
    area: Count


class Prediction(Schema):
    """A line of predictions.jsonl: an answer, or an error. A name need not be UTF-8."""

    image: Annotated[Any, AfterValidator(_text)]
    error: Annotated[Any, AfterValidator(_text)] = ""
    overlay: Annotated[Any, AfterValidator(_text)] = ""
    mask: Annotated[Any, AfterValidator(_text)] = ""
    map: Annotated[Any, AfterValidator(_text)] = ""
    sha256: Name = ""
    score: Number | None = None
    threshold: Number | None = None
    p: Number | None = None
    defective: bool | None = None
    defects: Annotated[list[Box], Field(max_length=10**9)] | None = None
    width: Count | None = None
    height: Count | None = None
    grey: bool | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Prediction:
        answer = (self.score, self.defective, self.defects, self.width, self.height)
        if "error" not in self.model_fields_set and None in answer:
            raise ValueError("neither an answer nor an error")
        return self
