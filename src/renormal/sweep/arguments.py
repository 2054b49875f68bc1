"""The command line before Hydra reads it: paths and names are taken as they are typed."""

from __future__ import annotations

import os
import re
import shlex
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

PATHS = (
    "data.root",
    "data.source.root",
    "data.csv",
    "data.source.csv",
    "checkpoint",
    "choose.settings",
    "folder",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "hydra.launcher.submitit_folder",
)
NAMES = ("name", "category", "data.category")
HYDRA = ("cfg", "info", "package")  # options of Hydra that take a value and have no hyphen in their name
RERUN = "--experimental-rerun"  # runs the code in a file
TYPED = re.compile(rf"(\+{{0,2}}(?:{'|'.join(map(re.escape, PATHS + NAMES))}))=(.+)", re.DOTALL)


def without_hyphens(argument: str) -> str:
    """model=vae of --model=vae, which is how `wandb agent` writes it. Hydra's own options stay.

    Raises ValueError for --rerun without a value: an agent that writes true so leaves false out.
    """
    options = get_args_parser()._option_string_actions
    if re.fullmatch(r"--[\w.]+", argument) and not any(option.startswith(argument) for option in options):
        raise ValueError(
            f"{argument} has no value: write {argument[2:]}=true; for wandb agent use ${{args_no_hyphens}}"
        )
    match = re.fullmatch(r"--([\w.@/]+)(=.*)", argument, re.DOTALL)
    return argument if match is None or match[1] in HYDRA else match[1] + match[2]


def options_first(arguments: list[str]) -> list[str]:
    """Options before overrides: argparse takes overrides only from one place, and -m is often typed between them.

    An option whose value may be left out comes last. Raises ValueError for an option that there is not.
    """
    known = get_args_parser()._option_string_actions
    first, overrides, last, left = list[str](), list[str](), list[str](), list(arguments)
    while left:
        argument = left.pop(0)
        name, action = argument.partition("=")[0], known.get(argument)
        if action is None and not argument.startswith("-"):
            overrides.append(argument)
            continue
        if name.startswith("--") and not any(option.startswith(name) for option in known if option != RERUN):
            raise ValueError(f"there is no option {name}: renormal --help shows the options")
        place = last if action is not None and action.nargs == "?" else first
        place.append(argument)
        choices = list(action.choices or ()) if action is not None else []
        if choices and place is first and left[:1] not in [[one] for one in choices]:
            raise ValueError(f"{argument} needs one of {', '.join(choices)} after it")
        if action is not None and left and (action.nargs is None or left[0] in choices):
            place.append(left.pop(0))
    return [*first, *overrides, *last]


def check_options(arguments: list[str]) -> None:
    """Raise ValueError for options that Hydra's parser refuses in several lines."""
    parser = get_args_parser()

    def refused(message: str) -> NoReturn:
        raise ValueError(f"{message}: renormal --help shows the options")

    parser.error = refused  # type: ignore[method-assign]
    options = parser.parse_args(arguments)
    if options.config_dir is not None and not os.path.isdir(options.config_dir):  # noqa: PTH112 as in `exists`
        raise ValueError(f"--config-dir {options.config_dir} is no folder: correct it")
    if options.cfg and options.multirun:
        raise ValueError("--cfg shows one job: leave out -m and sweep=, and give each key one value")
    if options.resolve and not options.cfg and not options.help:
        raise ValueError("--resolve goes with --cfg job, which prints the recipe")


def as_typed(argument: str) -> str:
    """The argument with its path or name in quotes, where Hydra would read something else or nothing.

    A value that exists as a whole is one path, also with commas. Otherwise commas separate the values of a sweep, and
    brackets hold a list. ~ is the home folder.
    """
    match = TYPED.fullmatch(argument)
    if match is None or match[2].lower() == "null":
        return argument
    key, value = match.groups()
    if key.lstrip("+") in NAMES:
        override = parsed(argument)
        number = override is not None and not override.is_sweep_override() and isinstance(override.value(), float)
        return f"{key}={quoted(value)}" if override is None or number else argument  # nan, inf and 1e5 are names
    if exists(value):
        return argument if is_plain(argument, value) else f"{key}={path(value)}"
    opening, inside, closing = re.fullmatch(r"(\[?)(.*?)(\]?)", value, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = [part.strip() for part in inside.split(",")]
    if all(map(exists, parts)):
        return f"{key}={opening}{','.join(map(path, parts))}{closing}"
    override = parsed(argument)
    sweeps = override is not None and override.is_sweep_override()
    one = sweeps and "," in value and not any(map(exists, parts))
    return f"{key}={quoted(home(value))}" if override is None or value.startswith("~") or one else argument


def exists(value: str) -> bool:
    return os.path.exists(home(value))  # noqa: PTH110 of a name that is too long pathlib would raise OSError


def home(value: str) -> str:
    """~/photos as an absolute path, unless a folder is called so."""
    return value if os.path.exists(value) else os.path.expanduser(value)  # noqa: PTH110, PTH111 as above


def is_plain(argument: str, value: str) -> bool:
    """Whether Hydra reads the value as it is typed."""
    override = parsed(argument)
    return override is not None and not override.is_sweep_override() and override.value() == value and "${" not in value


def parsed(argument: str) -> Override | None:
    """None where Hydra's grammar has no such value."""
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def path(value: str) -> str:
    """A path that exists in quotes of Hydra's grammar."""
    if "${" in value:
        raise ValueError(f"{value}: ${{ in a path is read as the place of a key: rename the folder, or link to it")
    return quoted(home(value))


def quoted(value: str) -> str:
    """The value in quotes of Hydra's grammar."""
    return QuotedString(value, Quote.single).with_quotes()


def for_shell(argument: str) -> str:
    """The argument in quotes of the shell, double ones where they are enough."""
    return f'"{argument}"' if re.fullmatch(r"[^\"$`\\!]+", argument) else shlex.quote(argument)
