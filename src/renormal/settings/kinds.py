"""What a setting may be: types with their ranges, and the words for them in messages and in docs/settings.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import AfterValidator

from renormal.console.text import is_below, is_printable

LARGEST = 2**31 - 1  # of a count, ours
NAMES = {
    NoneType: "null",
    None: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "names with values",
}
SAID = {None: "null", True: "true", False: "false"}
SIGNS: dict[type, tuple[str, str]] = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


class Words(str):
    """What a value must be, in words."""

    __slots__ = ()


def refusing(holds: Callable[[Any], object]) -> AfterValidator:
    """Values of which `holds` is not true are refused."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError("out of range")
        return value

    return AfterValidator(check)


Count = Annotated[int, Ge(1), Le(LARGEST)]
Amount = Annotated[int, Ge(0), Le(LARGEST)]
Size = Annotated[int, Ge(1), Le(65_536)]  # of a layer, a batch: more would not fit into memory
Side = Annotated[int, Ge(1), Le(16_384)]  # px
Seed = Annotated[int, Ge(0), Lt(2**32)]  # what Lightning takes
Positive = Annotated[float, Gt(0)]
Epsilon = Annotated[float, Ge(1e-30), Le(10)]  # added to a divisor in float32, which has no smaller one
Weight = Annotated[float, Ge(0), Le(1e6)]
Rate = Annotated[float, Gt(0), Le(100)]  # of learning
Share = Annotated[float, Ge(0), Le(1)]
Within = Annotated[float, Gt(0), Lt(1)]
Beta = Annotated[float, Ge(0), Lt(1)]  # of a running mean
Finite = Annotated[float, Words("a number")]
Name = Annotated[
    str | int | float, refusing(lambda text: is_printable(str(text)) and str(text) != ""), Words("printable text")
]
Below = Annotated[  # it becomes one, below another
    str | int | float,
    refusing(lambda text: is_printable(str(text)) and is_below(str(text))),
    Words("a name, not a path: printable, without . or .. as a part, without / at its ends"),
]
Inner = Annotated[
    str | int | float,
    refusing(lambda text: is_printable(str(text)) and (text == "" or is_below(str(text)))),
    Words("a name, not a path: printable, without . or .. as a part, without / at its ends; empty: none"),
]
Dotted = Annotated[
    str,
    refusing(re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+").fullmatch),
    Words("a dotted name such as package.module.name"),
]
Path = Annotated[str, refusing(lambda text: text != "" and "\0" not in text), Words("a path")]
Place = Annotated[str, refusing(lambda text: is_printable(text) and text.strip() != ""), Words("a path")]  # of logs
Odd = Annotated[int, Ge(3), Le(16_383), refusing(lambda n: n % 2 == 1), Words("an odd whole number ≥ 3")]
Box = Annotated[int, Ge(0), Le(16_383), refusing(lambda n: n == 0 or n % 2 == 1), Words("0 or an odd whole number")]
Sigma = Annotated[float, Ge(0.01), Le(1000)]  # px
OptionalSigma = Annotated[
    float, Ge(0), Le(1000), refusing(lambda n: n == 0 or n >= 0.01), Words("0 or a number ≥ 0.01 and ≤ 1000")
]
HoldOut = Annotated[int, Ge(0), refusing(lambda n: n != 1), Words("0 or a whole number ≥ 2")]
Clamp = Annotated[
    list[Annotated[float, Ge(-1e6), Le(1e6)]],
    Len(2, 2),
    refusing(lambda pair: pair[0] <= 0 and pair[1] >= 1),
    Words("two numbers ≤ 0 and ≥ 1: images lie in [0, 1]"),
]
Shares = Annotated[
    list[Annotated[float, Gt(0), Le(1)]],
    Len(2, 2),
    refusing(lambda pair: pair[0] <= pair[1]),
    Words("two numbers in (0, 1], the smaller one first"),
]
Betas = Annotated[list[Beta], Len(2, 2), Words("two numbers ≥ 0 and < 1")]
Channels = Annotated[int, refusing(lambda n: n in (1, 3)), Words("1, 3")]
Bits = Annotated[int, refusing(lambda n: n in (8, 10, 12, 14, 16)), Words("8, 10, 12, 14, 16")]
Epochs = Annotated[int, Ge(-1), Le(LARGEST), refusing(bool), Words("a whole number ≥ 1, or −1 with max_steps")]
Steps = Annotated[int, Ge(-1), Le(LARGEST), refusing(bool), Words("a whole number ≥ 1, or −1")]
Batches = Annotated[
    int | float,
    refusing(lambda n: n >= 1 if type(n) is int else 0 < n <= 1),
    Words("a whole number ≥ 1, or a share such as 0.5 up to 1.0"),
]
Devices = Annotated[
    Annotated[int, Ge(1), Le(1024)] | Annotated[list[Amount], Len(1)],
    Words("a whole number ≥ 1 and ≤ 1024, or a list of GPUs"),
]
Budget = Annotated[
    Count | Annotated[dict[Literal["bfloat16", "float32"], Count], Len(2, 2)],
    Words("a whole number ≥ 1, or {bfloat16: 64, float32: 32}"),
]
Values = Annotated[list[float], Len(1)]
Axis = Annotated[Values | dict[str, Values], Words("a list of numbers, at least one")]


def words_of(annotation: Any) -> str:
    """`Count | None` in words: a whole number ≥ 1 and ≤ 2147483647, or null."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return next((str(one) for one in arguments[1:] if isinstance(one, Words)), words_of_range(arguments))
    if origin in (Union, UnionType):
        kinds = [words_of(one) for one in arguments if one is not NoneType]
        return ", or ".join(kinds + ["null"] * (NoneType in arguments))
    if origin is Literal:
        named = (SAID.get(value, str(value)) if type(value) is not int else str(value) for value in arguments)
        return ", ".join(dict.fromkeys(named))
    if origin is list:
        return f"a list, as [a,b], of {words_of(arguments[0])}"
    if origin is dict:
        return f"names, each with {words_of(arguments[1])}"
    return NAMES.get(annotation, "a group of settings") if annotation is not Any else "any value"


def words_of_range(arguments: tuple[Any, ...]) -> str:
    """`Ge(0), Lt(1)` of a number: a number ≥ 0 and < 1. The largest of all counts is left out."""
    ends = [
        f"{sign} {getattr(one, name):.15g}"
        for one in arguments[1:]
        for name, sign in [SIGNS.get(type(one), ("", ""))]
        if name and getattr(one, name) != LARGEST
    ]
    least = next(
        (f", at least {one.min_length} of them" for one in arguments[1:] if isinstance(one, Len) and one.min_length), ""
    )
    return f"{words_of(arguments[0])} {' and '.join(ends)}".strip() + least
