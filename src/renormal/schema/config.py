"""The resolved config in a record, as far as the report reads it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from renormal.schema.kinds import Count, Name, Number, Schema, Text


class ModelConfig(Schema):
    label: Name | None = None
    paper: Name | None = None
    net: dict[str, Any] = {}


class DataConfig(Schema):
    name: Name | None = None
    patch_size: Count = 1
    shrink: list[Annotated[int, Field(ge=1, le=64)]] | None = None


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
    checkpoint: Text | list[Text] | None = None
    logger: Loggers = Loggers()
