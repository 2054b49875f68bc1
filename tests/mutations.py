"""Changes of decoded JSON: values and keys that anybody may have put into its places."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 7, 2**70, 10**400, 0.5, -0.0, 1e300, 1e999, float("nan"), 5e-324),
    *(
        "",
        "x",
        "0",
        "nan",
        "-1",
        "[/]",
        "$\\frac",
        "\\input{/etc/passwd}",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)",
    ),
    *("\x1b[2J", "a\nb", "\ud800", "../../../x", "/etc/passwd", "n" * 300, "n" * 200_000, "#010203", "{{ 7 * 7 }}"),
    *([], {}, [1], [None], ["a", "b"], {"a": 1}, {"a": {"b": []}}, [[1]], [float("inf")]),
]


def places(content: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value in decoded JSON."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in entries:
        yield (*above, key)
        yield from places(value, (*above, key))


def changed(content: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    copy = deepcopy(content)
    node = copy
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return copy


def renamed(content: Any, place: tuple[str | int, ...], key: str) -> Any:
    """A copy with another key at a place; in a list, with the entry twice."""
    copy = deepcopy(content)
    node = copy
    for part in place[:-1]:
        node = node[part]
    if isinstance(node, list):
        node.append(node[place[-1]])
    else:
        node[key] = node.pop(place[-1])
    return copy


def changes(content: Any) -> st.SearchStrategy[Any]:
    """Contents that differ from this one in a value or a key, or in both."""
    found = st.sampled_from(list(places(content)))
    values = st.sampled_from(VALUES)
    keys = st.sampled_from([value for value in VALUES if isinstance(value, str)])
    one = st.builds(changed, st.just(content), found, values)
    other = st.builds(renamed, st.just(content), found, keys)
    return one | other
