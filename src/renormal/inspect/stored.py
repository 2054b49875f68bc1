"""Build what a stored config names. It may come from a stranger: its names are looked up in a closed set of objects.

No name is imported, no attribute of a module is taken, and no interpolation is resolved, except in packages that the
user trusts by name.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from torch import optim

from renormal import models, projection, scores
from renormal.console.text import printable
from renormal.functional.corruption import Corruption
from renormal.functional.damage import Damage
from renormal.lit.adversarial import AdversarialModule

ROOMS: dict[str, tuple[ModuleType, tuple[type, ...]]] = {  # part of the config → room whose public objects it may name
    "model": (models, (Corruption, Damage)),  # and what yamls name in another room
    "model.energy_loss": (projection, ()),
    "projections": (projection, ()),
    "score": (scores, ()),
    "scores": (scores, ()),
    "choose": (scores, ()),
    "choose.projections": (projection, ()),
}
CLASSES: dict[str, tuple[str, tuple[type, ...]]] = {  # part of the config → where its classes are, and these alone
    "model.module": ("renormal.lit.adversarial", (AdversarialModule,)),
    "model.optimizer": ("torch.optim", (optim.Adam, optim.AdamW, optim.RMSprop, optim.SGD)),
    "model.scheduler": ("torch.optim.lr_scheduler", (optim.lr_scheduler.OneCycleLR,)),
}
GETTERS = ("hydra.utils.get_method", "hydra.utils.get_class")  # they return the object with the name in `path`
NEVER_TRUSTED = {"renormal", "hydra_plugins", "hydra", "omegaconf", "torch", "lightning", "numpy"}
DEPTH = 32  # levels of a stored config, ours
LARGEST = 1_000_000  # whole number in a stored config, ours: sizes and steps beyond it fill the memory or do not end
LENGTH = 120  # characters of a stranger's text in a message
FAULTS = (  # what a class or a projection raises for arguments that it was not written for
    *(TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError, AssertionError, MemoryError),
)


class Call(NamedTuple):
    """A node with `_target_`: the object, its arguments, and the name for messages."""

    target: Any
    positional: Any
    named: dict[str, Any]
    deferred: bool
    name: str


class Object(NamedTuple):
    """A node with a getter: the object that it names."""

    value: Any


def build(node: Any, place: str, trust: Sequence[str] = (), **arguments: Any) -> Any:
    """The object of a node with `_target_`, or the one that its getter names. First all of the node is checked.

    place: of the node in the config, for messages. trust: packages of the user. arguments: further ones of the object.
    Raises ValueError with one line.
    """
    checked = read(node, place, check_trust(trust))
    if isinstance(checked, Object) and not arguments:
        return checked.value
    if not isinstance(checked, Call):
        raise ValueError(f"{plain(place)} of the record's config names no class")
    return made(checked._replace(named=checked.named | arguments), place)


def check_trust(names: Sequence[str]) -> tuple[str, ...]:
    """Raise ValueError for a name that is no package, or a package whose objects do more than to build."""
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"--trust {plain(name)} is no name of a package")
        if name.partition(".")[0] in NEVER_TRUSTED | sys.stdlib_module_names:
            raise ValueError(f"--trust {name}: name a package of your own; this one can run anything")
    return tuple(names)


def read(value: Any, place: str, trust: tuple[str, ...] = (), depth: int = 0) -> Any:
    """The value with a Call or an Object for each node that names one. Nothing is called."""
    if depth > DEPTH:
        raise ValueError(f"{plain(place)} of the record's config is nested too deeply")
    if isinstance(value, list | tuple):
        return [read(item, f"{place}[{index}]", trust, depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        parts = {str(key): read(item, f"{place}.{key}", trust, depth + 1) for key, item in value.items()}
        return node_of(parts, place, trust) if "_target_" in parts else parts
    if isinstance(value, str) and "${" in value:
        raise ValueError(f"{plain(place)} of the record's config is an interpolation, and records have none: not read")
    if type(value) is int and abs(value) > LARGEST and not place.endswith("seed"):
        raise ValueError(f"{plain(place)} of the record's config is too large: {LARGEST} is the most that is taken")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{plain(place)} of the record's config is not finite")
    return value


def node_of(parts: dict[str, Any], place: str, trust: tuple[str, ...]) -> Call | Object:
    """A node with `_target_` as hydra.utils.instantiate understands it. It has `_convert_: all` and is recursive."""
    name, named = parts["_target_"], dict(parts)
    kept = {"_target_": name, "_convert_": "all", "_recursive_": True, "_partial_": False, "_args_": []}
    settings = {key: named.pop(key, value) for key, value in kept.items()}
    if settings["_convert_"] != "all" or settings["_recursive_"] is not True:
        raise ValueError(f"{plain(place)} of the record's config sets _convert_ or _recursive_: no run has them")
    if not isinstance(settings["_partial_"], bool) or not isinstance(settings["_args_"], list):
        raise ValueError(f"{plain(place)} of the record's config: _partial_ is true or false, _args_ a list")
    if name in GETTERS:
        if named.keys() != {"path"} or settings["_args_"] or settings["_partial_"]:
            raise ValueError(f"{plain(place)} of the record's config: {name} takes path and nothing else")
        return Object(found(named["path"], place, trust))
    target = found(name, place, trust)
    if isinstance(target, FunctionType) and name in known(part_of(place)) and not settings["_partial_"]:
        raise ValueError(f"{plain(place)} of the record's config calls {name}: a stored run builds classes only")
    return Call(target, settings["_args_"], named, settings["_partial_"], name)


def found(name: Any, place: str, trust: tuple[str, ...]) -> Any:
    """The object of that name in the closed set, or in a trusted package."""
    if not isinstance(name, str):
        raise ValueError(f"{plain(place)} of the record's config names no object")
    objects = known(part_of(place))
    if name in objects:
        return objects[name]
    package = next((one for one in trust if name.startswith(f"{one}.")), None)
    if package is not None:
        return own_object(name, package)
    top = name.partition(".")[0]
    own = top.isidentifier() and top not in NEVER_TRUSTED | sys.stdlib_module_names
    mend = f"add --trust {plain(top)}, or trust=[{plain(top)!r}] in Python, if that package is yours: " if own else ""
    raise ValueError(f"{mend}the record's config asks for {plain(name)}, which is no part of renormal: it is not run")


def part_of(place: str) -> str:
    """The part of a place: model of model.net, model.optimizer of model.optimizer.critic, scores of scores.dssim[0]."""
    keys = place.replace("[", ".").split(".")
    longer = ".".join(keys[:2])
    return longer if longer in ROOMS or longer in CLASSES else keys[0]


@cache
def known(part: str) -> dict[str, Any]:
    """Name → object, of everything that this part of a config may name: in its room, and where it is defined."""
    if part in CLASSES:
        module, classes = CLASSES[part]
        return {f"{module}.{one.__name__}": one for one in classes}
    room, further = ROOMS[part]
    public = {f"{room.__name__}.{name}": getattr(room, name) for name in room.__all__}
    table = {name: one for name, one in public.items() if isinstance(one, type | FunctionType)}
    return table | {f"{one.__module__}.{one.__qualname__}": one for one in (*table.values(), *further)}


def own_object(name: str, package: str) -> Any:
    """A class or function that is defined in the trusted package, not one that a module of it has imported."""
    parts = name.split(".")
    try:
        value: Any = import_module(package)
        for at, part in enumerate(parts[package.count(".") + 1 :], start=package.count(".") + 2):
            if isinstance(value, ModuleType) and not hasattr(value, part):
                import_module(".".join(parts[:at]))
            value = getattr(value, part)
            home = value.__name__ if isinstance(value, ModuleType) else value.__module__
            if not f"{home}.".startswith(f"{package}."):
                raise ValueError(f"{plain(name)} lies in {plain(home)}, not in {package}: it is not run")
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{plain(name)} is not there: {plain(error)}; is {package} on the path of Python?") from error
    if not callable(value):
        raise ValueError(f"{plain(name)} is neither class nor function")
    return value


def made(value: Any, place: str) -> Any:
    """The value with the objects built."""
    if isinstance(value, Object):
        return value.value
    if isinstance(value, Call):
        positional = [made(item, place) for item in value.positional]
        named = {key: made(item, f"{place}.{key}") for key, item in value.named.items()}
        if value.deferred:
            return partial(value.target, *positional, **named)
        with one_line(f"{plain(place)} of the record's config: {value.name} cannot be built"):
            return value.target(*positional, **named)
    if isinstance(value, list):
        return [made(item, place) for item in value]
    return {key: made(item, f"{place}.{key}") for key, item in value.items()} if isinstance(value, dict) else value


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """An error that arguments of a stranger cause becomes a ValueError that begins with `what`."""
    try:
        yield
    except FAULTS as error:
        text = str(error).strip().partition("\n")[0]
        raise ValueError(f"{what}: {plain(text or type(error).__name__)}") from error


@contextmanager
def runs(what: str) -> Iterator[None]:
    """As `one_line`, but an error that was written for the user stays as it is."""
    try:
        with one_line(what):
            yield
    except ValueError as error:
        if isinstance(error.__cause__, ValueError):
            raise error.__cause__ from None
        raise


def plain(text: object) -> str:
    """A stranger's text for a message of one line."""
    return printable(str(text))[:LENGTH]
