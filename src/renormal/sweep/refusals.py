"""What Hydra refuses, in one line that names the argument and the mend."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationKeyError, OmegaConfBaseException

from renormal.console.text import printable, without_secrets
from renormal.files import CONF
from renormal.job.errors import in_one_line
from renormal.sweep.arguments import TYPED, for_shell, parsed, quoted
from renormal.sweep.hydra_keys import wrong_hydra
from renormal.sweep.meant import HIDDEN, meant
from renormal.sweep.settings import LAUNCHER, known_settings
from renormal.sweep.yamls import name_unreadable_yamls

NOT_FOUND = re.compile(r"Interpolation key '(.*?)' not found")  # OmegaConf's words, which alone name the key
LONGEST = 4000  # characters of a line, ours: an argument may have 10⁵
NO_NAME = "Config group override must be a string or a list"
LOGGING = ("Unable to configure", "Unsupported version", "dictionary doesn't specify a version")  # of logging.config
AMBIGUOUS = "Ambiguous value for argument '"


def refuse_in_one_line() -> None:
    """From now on a command line that Hydra refuses ends the program in one line, where Hydra prints several."""
    name_unreadable_yamls()
    compose = Hydra.compose_config

    def composed(hydra: Hydra, *arguments: Any, **named: Any) -> DictConfig:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=".* is not available", category=UserWarning)
                config = compose(hydra, *arguments, **named)
            exit_with(wrong_hydra(config))
            return config
        except UserWarning as error:
            path = str(error).partition("path=")[2].removesuffix(" is not available.")
            exit_with([f"hydra.searchpath: {path} is no folder: correct it"])
            raise
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            exit_with([line_of(error)])
            raise
        except RecursionError:
            exit_with(["the defaults of a yaml of yours lead back to itself: take that entry out"])
            raise

    Hydra.compose_config = composed  # type: ignore[assignment,method-assign]
    Hydra.run, Hydra.multirun = in_a_line(Hydra.run), in_a_line(Hydra.multirun)  # type: ignore[method-assign]


def in_a_line(start: Callable[..., Any]) -> Callable[..., Any]:
    """What a config lacks, or a disk refuses to Hydra's own files of a job, ends the program in one line."""

    def started(*arguments: Any, **named: Any) -> Any:
        try:
            return start(*arguments, **named)
        except (OSError, MemoryError, HydraException, OmegaConfBaseException) as error:
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(output_folder())  # into which Hydra writes the config
            exit_with([line_of(error)], status=1 if isinstance(error, OSError | MemoryError) else 2)
            raise
        except ValueError as error:
            if str(error).startswith(LOGGING):
                exit_with([f"hydra.job_logging: {error}" + f": {error.__cause__}" * bool(error.__cause__)])
            raise

    return started


def output_folder() -> Path:
    """The folder of the job that Hydra has begun; the working directory before that."""
    config: Any = HydraConfig.instance().cfg
    folder = None if config is None else OmegaConf.select(config, "hydra.runtime.output_dir", throw_on_missing=False)
    return Path(folder or Path.cwd())


def check_text(arguments: list[str]) -> None:
    """End the program in one line if an argument or the working directory is no UTF-8: records could not name it."""
    encoding = sys.getfilesystemencoding()
    for text in (*arguments, str(Path.cwd())):
        if encoding != "utf-8" and not text.isascii():
            mend = "set PYTHONUTF8=1, or a locale of UTF-8 such as LC_ALL=C.UTF-8"
            exit_with(
                [f"{ascii(text)[1:-1][:200]}: this locale reads names as {encoding}, and records have UTF-8: {mend}"]
            )
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            exit_with([f"{ascii(text)[1:-1][:200]} is not UTF-8: rename that file or folder, or link to it"])


def exit_with(lines: list[str], status: int = 2) -> None:
    """Print the lines and exit; no lines, no exit. Hydra turns a callback's exceptions into warnings, but not this."""
    for line in lines:
        text = printable(without_secrets(line))
        print(f"renormal: {text if len(text) <= LONGEST else f'{text[:LONGEST]}…'}", file=sys.stderr)
    if lines:
        raise SystemExit(status)


def line_of(error: Exception) -> str:
    """The error as one line."""
    cause = error.__cause__ or error
    if isinstance(error, OverrideParseException):
        return unreadable(error.override)
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and cause.full_key:
        return unknown(str(cause.full_key), cause.parent_node)
    if isinstance(cause, InterpolationKeyError) and (found := NOT_FOUND.search(str(cause))):
        place = f" in {cause.full_key}" if cause.full_key else ""
        return f"${{{found[1]}}}{place} names no setting: renormal --cfg job shows all of them"
    if str(error).startswith(AMBIGUOUS):
        return several(str(error).removeprefix(AMBIGUOUS).split("'\n")[0])
    if isinstance(cause, MissingConfigException) and (lacking := choices_instead(cause)):
        return unknown_choice(*lacking)
    if str(error).startswith(NO_NAME) and (argument := without_name()):
        return argument
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: {next(iter(str(cause).splitlines()), type(cause).__name__)}"
    if isinstance(cause, HydraException):
        return " ".join(str(cause).split()).partition(" Config search path")[0]
    return in_one_line(cause)


def choices_instead(error: MissingConfigException) -> tuple[str, str, list[str]] | None:
    """The group, the choice that it lacks, and those that it has, of which Hydra says nothing if a list was given."""
    group, _, choice = str(error.missing_cfg_file or "").rpartition("/")
    choices = error.options or GlobalHydra.instance().config_loader().get_group_options(group)
    return (group, choice, list(choices)) if group and choices else None


def unknown_choice(group: str, choice: str, choices: list[str]) -> str:
    """A choice of a group that is not there, and those that are."""
    close = get_close_matches(choice.lower(), choices, cutoff=0.5)
    close.sort(key=lambda one: sorted(one) != sorted(choice))  # two letters in the wrong order are the usual mistake
    known = f"did you mean {close[0]}?" if close else f"{group} has {', '.join(choices)};"
    own = f"a {choice}.yaml of yours is found with 'hydra.searchpath=[file:///path/to/your/conf]'"
    return f"{group}={choice} does not exist: {known} {own}"


def without_name() -> str:
    """A line for the first argument that gives a group something other than a name, which Hydra does not name."""
    for argument in sys.argv[1:]:
        group, _, value = argument.lstrip("+").partition("=")
        choices = sorted(path.stem for path in (CONF / group.partition("@")[0]).glob("*.yaml"))
        override = parsed(argument)
        if choices and override is not None and not isinstance(override.value(), str | list):
            return unknown_choice(group, value, choices)
    return ""


def unreadable(argument: str) -> str:
    key, _, value = argument.partition("=")
    text = f"{key}={quoted(value)}"
    if not value or parsed(text) is None:
        return f"{argument} is not key=value{after_blank(argument)}: renormal --help shows the keys"
    if value.startswith("{"):
        return f"{argument}: names in braces have no quotes, as in {key}={{rotate: 5}}"
    return f"{argument} has signs that Hydra reads otherwise. As text it is {for_shell(text)}"


def after_blank(argument: str) -> str:
    """The mend where the argument may be the rest of a path that the shell has cut at a blank."""
    place = sys.argv.index(argument) if argument in sys.argv else 0
    before, rest = sys.argv[max(0, place - 1)], takewhile(lambda one: "=" not in one, sys.argv[place:])
    if place < 2 or not TYPED.fullmatch(before):
        return ""
    return f"; if it belongs to the path before it, write {for_shell(' '.join([before, *rest]))}"


def several(argument: str) -> str:
    key, _, value = argument.partition("=")
    text = for_shell(f"{key}={quoted(value)}")
    if any(re.fullmatch("(--cfg|-c)(=.*)?", one) for one in sys.argv[1:]):
        return f"{argument} is several values, and --cfg shows one job: give one of them, and leave out sweep="
    return f"{argument} is several values: -m makes a job for each, [{value}] is a list, {text} is one text"


def unknown(key: str, parent: Any) -> str:
    """A key that is not there, and those that are."""
    above = key.rpartition(".")[0]
    if above == LAUNCHER:
        return f"{key} does not exist: {known_settings(parent)}"
    keys = [str(name) for name in parent if name not in HIDDEN]
    if place := meant(key, parent):
        return f"{key} does not exist: {place} was meant?"
    adds = f"; +{key}=… gives the object a further argument" if "_target_" in parent else ""
    adds = adds if adds or keys else f"; +{key}=… adds it"
    return f"{key} does not exist: {above or 'the recipe'} has {', '.join(keys) or 'no settings'}{adds}"
