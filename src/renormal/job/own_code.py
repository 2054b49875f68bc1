"""Code of somebody else that a test runs: an edited score or network is another test of the same training."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from renormal.job.digests import digest_of_file
from renormal.job.named_code import names_in
from renormal.report.origin import CODE

PARTS = ("model.net", "projections", "score", "scores")
INSTALLED = ("site-packages", "dist-packages")  # a package there has a version


def own_code(config: DictConfig) -> dict[str, str]:
    """`code <module>` → SHA-256 of its file, for each module that network, projections and scores name.

    Without renormal, Python's own modules and installed packages. What a module imports is not followed.
    """
    found: set[tuple[str, Path]] = set()
    for part in PARTS:
        node = OmegaConf.select(config, part)
        plain: Any = OmegaConf.to_container(node) if OmegaConf.is_config(node) else None
        found |= {place for name in names_in(plain) if (place := _place(name))}
    return {f"{CODE}{module}": digest_of_file(path) for module, path in sorted(found)}


def changed_code(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Modules of both hashes whose file is another one."""
    return [key.removeprefix(CODE) for key in now if key.startswith(CODE) and before.get(key, now[key]) != now[key]]


def _place(name: str) -> tuple[str, Path] | None:
    """The module that holds this name, with its file; None for code that is not of somebody else, and for no module."""
    if name.partition(".")[0] in ("renormal", "hydra", "torch"):
        return None
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        try:
            spec = find_spec(module)  # imports the packages above it
        except Exception:  # whatever they raise; check_named_code says it
            continue
        if spec and spec.origin and spec.origin.endswith(".py"):
            path = Path(spec.origin)
            library = path.is_relative_to(sysconfig.get_path("stdlib")) or set(INSTALLED) & {*path.parts}
            return None if library else (module, path)
    return None
