"""A yaml of the user's own that cannot be read is one line, which names the file, the line and the mend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult

from renormal.console.text import printable
from renormal.files import CONF, read_text, shown

LARGEST = 2**20  # bytes of a yaml, ours: the recipe has 10⁴
MANY = 100_000  # values in one, ours: an alias in an alias in an alias fills the memory
DEEP = "it is nested too deeply: correct the file"


def name_unreadable_yamls() -> None:
    """From now on Hydra raises ValueError for a yaml outside of the package that it cannot read."""
    Plugins.instance()  # loads the module of the class anew
    kind: Any = SourcesRegistry.instance().resolve("file")
    load = kind.load_config

    def loaded(source: Any, config_path: str) -> ConfigResult:
        path = Path(source.path) / source._normalize_file_name(config_path)
        try:
            if os.path.lexists(path) and not path.is_relative_to(CONF):
                check_yaml(path)
            found: ConfigResult = load(source, config_path)
            return found
        except yaml.YAMLError as error:
            raise ValueError(f"{shown(path)}{_place(error)}; correct the file") from None
        except RecursionError:
            raise ValueError(f"{shown(path)}: {DEEP}") from None
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # of yaml's sets, and of keys and interpolations that are none
            text = " ".join((str(error) or type(error).__name__).partition("\n")[0].split())
            place = "" if text.startswith(str(path)) else f"{shown(path)}: "
            raise ValueError(printable(f"{place}{text}; correct the file")) from None

    kind.load_config = loaded


def check_yaml(path: Path) -> None:
    """Raise ValueError for a file that is no text, holds no keys, or is huge once its aliases are written out."""
    node = yaml.compose(read_text(path, LARGEST), Loader=yaml.SafeLoader)
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{path}: it holds no keys, which are lines such as seed: 0")
    if node is not None and _values_in(node, {}) > MANY:
        raise ValueError(f"{path}: its aliases (*name) make more than {MANY} values")


def _values_in(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node has, each alias counted in full. known: of nodes by their id."""
    if id(node) not in known:
        known[id(node)] = MANY  # of a node that holds itself
        known[id(node)] = 1 + sum(_values_in(inner, known) for inner in _inner(node))
    return known[id(node)]


def _inner(node: Any) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        yield from (part for pair in node.value for part in pair)


def _place(error: yaml.YAMLError) -> str:
    """ ", line 3: found duplicate key seed"."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f", line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return f": {' '.join(str(error).split())}"
