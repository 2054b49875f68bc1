"""Weights that another program saved: the key of its file that holds them, and the prefix of their names."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint

from renormal.console.text import printable
from renormal.job.training_size import CLOCK
from renormal.lit.module import LOWEST
from renormal.lit.weights import DIGEST

KEYS = ("state_dict", "model_state_dict", "model")  # of a dictionary that holds weights beside other things
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")  # of DataParallel, torch.compile, Lightning and adapters
SAVE = "save the weights alone, with torch.save(net.state_dict(), 'mynet.pt')"
SHOWN, LONGEST = 5, 80  # keys in a message, and characters of a name, ours


def is_bare(content: Any) -> bool:
    """Whether it is the state_dict of a network and nothing else."""
    return isinstance(content, dict) and bool(content) and all(isinstance(one, Tensor) for one in content.values())


def is_own(content: Mapping[Any, Any]) -> bool:
    """Whether it has one of the marks that only renormal writes, be the rest damaged."""
    held, settings = content.get("callbacks"), content.get("hyper_parameters")
    clock = isinstance(held, Mapping) and CLOCK in held
    named = isinstance(settings, Mapping) and "fingerprint" in settings
    return DIGEST in content or LOWEST in content or clock or named


def weights_and_key(content: Any) -> tuple[dict[str, Tensor], str] | None:
    """The state_dict in a file of another program and the key of KEYS that holds it, "" for the file itself.

    None for a checkpoint of renormal, and where no key or more than one holds a state_dict.
    """
    if is_bare(content):
        return content, ""
    if not isinstance(content, dict) or is_own(content):
        return None
    found = [key for key in KEYS if is_bare(content.get(key))]
    return (content[found[0]], found[0]) if len(found) == 1 else None


def lack_of_weights(content: Any) -> str | None:
    """A clause that says what a dictionary of another program holds; None for a checkpoint of renormal."""
    if not isinstance(content, dict) or is_own(content):
        return None
    keys = [printable(str(key))[:LONGEST] for key in content]
    held = ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")
    return f"holds {held or 'nothing'}, and no state_dict or more than one under {', '.join(KEYS)}"


def code_in(path: Path) -> str | None:
    """The first class or function in the file that torch does not read with weights_only=True. It is not imported."""
    unsafe = set(get_unsafe_globals_in_checkpoint(path))
    with zipfile.ZipFile(path) as archive:
        pickles = [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
    named = [str(name).replace(" ", ".") for body in pickles for kind, name, _ in pickletools.genops(body) if name]
    return next((printable(name)[:LONGEST] for name in named if name in unsafe), None)


def prefix_of(names: Iterable[str]) -> str:
    """The longest chain of PREFIXES that every name begins with."""
    names, chain = list(names), ""
    while more := next((one for one in PREFIXES if names and all(name.startswith(chain + one) for name in names)), ""):
        chain += more
    return chain


def renamed(weights: Mapping[str, Tensor], wanted: Iterable[str]) -> tuple[dict[str, Tensor], str]:
    """The weights under the wanted names, and a clause that says what was changed.

    They stay as they are, and the clause is empty, unless the names differ in a chain of PREFIXES alone.
    """
    wanted = set(wanted)
    has, needs = prefix_of(weights), prefix_of(wanted)
    others = {needs + name.removeprefix(has): value for name, value in weights.items()}
    if weights.keys() == wanted or others.keys() != wanted:
        return dict(weights), ""
    both = f"with {needs} in place of {has}" if has and needs else f"with {needs}" if needs else f"without {has}"
    return others, f"{both} before each name"
