"""Groups of settings: plain ones, and those with a `_target_`, whose class decides which settings they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from renormal.settings.kinds import Dotted

OTHER, MANY = "<other>", "<many>"  # tags: an object of somebody else; objects by name


class Group(BaseModel):
    """Settings with names that are known. A whole number is a number; nothing else is taken for another type."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)
    targets: ClassVar[tuple[str, ...]] = ()  # the `_target_`s that have these settings


class Object(Group):
    """What Hydra makes an object of. Settings that are left out have the default of the class."""

    target: Annotated[Dotted, "Its class or function."] = Field(alias="_target_")
    partial: Annotated[bool, "Whether further arguments follow."] = Field(alias="_partial_")
    convert: Annotated[str, "How Hydra hands over lists."] = Field(alias="_convert_")
    recursive: Annotated[bool, "Whether Hydra makes objects below it."] = Field(alias="_recursive_")


class Function(Object):
    """A function or a class by its dotted name."""

    targets = ("hydra.utils.get_method", "hydra.utils.get_class", "hydra.utils.get_object")
    path: Annotated[Dotted, "Its dotted name."]


class Other(Object):
    """An object of somebody else: its class checks its settings."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class OneOf:
    """The settings of one of several classes, found by `_target_`; for any other class, those of `other`.

    noun: what it is, for messages. below: the key whose `_target_` decides, in place of the group's own. many: a group
    without `_target_` holds several by name.
    """

    noun: str
    models: tuple[type[Group], ...]
    other: type[Group] = Other
    below: str = ""
    many: bool = False

    @property
    def tags(self) -> dict[str, type[Group]]:
        """Part of the place of an error → the settings that it speaks of."""
        return {f"<{model.__name__}>": model for model in self.models} | {OTHER: self.other}

    def tag(self, value: Any) -> str | None:
        """None for what is no object."""
        if not isinstance(value, Mapping):
            return None
        node = value.get(self.below) if self.below else value
        if self.below and not (isinstance(node, Mapping) and "_target_" in node):
            return OTHER  # whose line names that key
        assert isinstance(node, Mapping)
        target = node.get("_target_")
        if target is None:
            return MANY if self.many and any(isinstance(one, Mapping) for one in node.values()) else None
        return next((tag for tag, model in self.tags.items() if target in model.targets), OTHER)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Any, CoreSchema] = {tag: handler.generate_schema(model) for tag, model in self.tags.items()}
        one = core_schema.tagged_union_schema(choices, self.tag)
        if not self.many:
            return one
        return core_schema.tagged_union_schema({**choices, MANY: core_schema.dict_schema(values_schema=one)}, self.tag)


FUNCTION = OneOf("a function", (Function,))
