"""Fields of the JSON files of jobs and sweeps, and how a file is checked. Anybody may have written them.

`checked` takes what `files.read_json` has decoded, in which numbers are finite and no key stands twice. Types are
strict: "1" is no number, and true is none. A schema describes what is read, all else in a file is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from renormal.console.text import is_printable, printable, without_secrets

LARGE = 1e18  # of a score or a metric: sums and squares of such numbers are finite
LARGEST = 1e300  # of a loss or an energy, which may have grown without end
MANY = 100_000  # entries of a list or an object
SHOWN = 60  # characters of a wrong value in a message
TEXT = 100_000  # characters of a note or an error


def _one_line(text: str) -> str:
    if not is_printable(text):
        raise ValueError("holds a control character")
    return text


def inside(path: str) -> str:
    place = PurePosixPath(path)
    if place.is_absolute() or ".." in place.parts:
        raise ValueError("leads out of its folder")
    return path


Name = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]
Text = Annotated[str, Field(max_length=TEXT)]
Place = Annotated[Name, AfterValidator(inside)]  # a path below the folder of its file
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
