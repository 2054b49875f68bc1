"""The code of others that a config names by `_target_` and `path`: it is there and takes its arguments, or one line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hydra._internal.utils import _locate
from omegaconf import DictConfig, OmegaConf

from renormal.console.text import printable
from renormal.settings.objects import Function, Object

HYDRAS = ("_target_", "_args_", "_partial_", "_convert_", "_recursive_")
STAGES = ("choose", "inpaint", "sample")  # groups of settings that only the stage of that name builds


def check_named_code(config: DictConfig) -> None:
    """Raise ValueError for a name that Python cannot import, and for arguments that its object does not take.

    Objects whose settings are all in the schema are not looked at. It costs the imports that the job needs anyway.
    """
    stages = config.stages
    parts: Any = OmegaConf.to_container(config, resolve=True)
    for place, node in _objects({key: part for key, part in parts.items() if key not in STAGES or key in stages}):
        target = node["_target_"]
        if target in Function.targets:
            _found(f"{place}.path", node["path"])
        elif target not in _closed():
            _check_arguments(place, node, _found(f"{place}._target_", target))


def _objects(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, node) of every node with `_target_`."""
    if isinstance(node, Mapping) and "_target_" in node:
        yield place, node
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from _objects(item, f"{place}.{key}".lstrip("."))


def names_in(node: Any) -> Iterator[str]:
    """Every name of Python that a plain config names by `_target_`, or by `path` of a function."""
    for _, one in _objects(node):
        yield str(one["path"] if one["_target_"] in Function.targets and "path" in one else one["_target_"])


@cache
def _closed() -> frozenset[str]:
    """Every `_target_` whose settings are all in the schema."""
    models, targets = [Object], set[str]()
    while models:
        model = models.pop()
        models += model.__subclasses__()
        targets |= set(model.targets) if model.model_config.get("extra") != "allow" else set()
    return frozenset(targets)


def _found(place: str, name: str) -> Any:
    try:
        return _locate(name)
    except Exception as error:  # whatever a module of somebody else raises when it is imported
        cause = error.__cause__ or error
        why = printable(" ".join(str(cause).split()))
        raise ValueError(f"{place}={name} cannot be imported: {type(cause).__name__}: {why}") from error


def _check_arguments(place: str, node: Mapping[str, Any], found: Any) -> None:
    target, named = node["_target_"], {str(key): value for key, value in node.items() if key not in HYDRAS}
    if not callable(found):
        raise ValueError(f"{place}._target_={target} is neither class nor function: {type(found).__name__}")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):  # of some classes written in C
        return
    try:
        signature.bind_partial(*node.get("_args_", []), **named)
    except TypeError as error:
        takes = ", ".join(name for name in signature.parameters)
        raise ValueError(f"{place}._target_={target}: {error}; it takes {takes}") from error
