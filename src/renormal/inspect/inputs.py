"""Which photographs a command means: files, folders and globs, each photograph once, and their names."""

from __future__ import annotations

import glob
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from renormal.data.listing import COMPANIONS, NOTES, SUFFIXES

IMAGES = SUFFIXES | {".gif", ".webp"}  # suffixes of the formats that are opened
TEXTS = NOTES | {".jsonl"}
SETTINGS, TABLE, PAGE = "settings.json", "predictions.csv", "report.html"  # in --out
WRITTEN = ("overlays", "masks", "maps")  # folders below --out: never read again as input
STDIN = "-"


class Item(NamedTuple):
    """A photograph. name: of its results, below the root. kept: SHA-256 of the content that was predicted before."""

    name: str
    path: Path
    kept: str = ""


class Part(NamedTuple):
    """One of several parts of the list, from 0. A name belongs to one part, whatever else is in the list."""

    number: int = 0
    of: int = 1

    def takes(self, name: str) -> bool:
        return zlib.crc32(os.fsencode(name)) % self.of == self.number

    def within(self, outer: Part) -> Part:
        """This part of an outer part."""
        return Part(outer.number * self.of + self.number, outer.of * self.of)


@dataclass
class Inputs:
    """The photographs in the order of their folders. No list of them is kept.

    root: names are relative to it. places: files and folders, absolute, none within another. out: of the command.
    nameless: one image on standard input. After an iteration `unread` has the number of other files by kind,
    `examples` one of each kind, and `closed` a line for each folder that could not be listed.
    """

    root: Path
    places: Sequence[Path]
    out: Path
    nameless: bool = False
    unread: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Item]:
        self.unread.clear()
        self.closed.clear()
        own = {os.path.realpath(self.out / name) for name in WRITTEN}
        for place in self.places:
            real = Path(os.path.realpath(place))
            if own.isdisjoint(map(str, (real, *real.parents))):
                found = self._below(place, own) if place.is_dir() else self._named(place)
                yield from (Item(os.path.relpath(path, self.root), path) for path in found)

    def _named(self, path: Path) -> Iterator[Path]:
        """A file that was named, whatever its suffix; but the shell's * names notes, too."""
        if path.suffix.lower() in TEXTS:
            self._leave(path)
        else:
            yield path

    def _below(self, folder: Path, own: set[str]) -> Iterator[Path]:
        """Images of the folder and of those in it. Links to folders are followed, each folder is listed once."""
        seen = {os.path.realpath(folder)} | own
        for place, folders, files in os.walk(folder, followlinks=True, onerror=self._refused):
            inner = {name: os.path.realpath(Path(place, name)) for name in sorted(folders) if _visible(name)}
            folders[:] = [name for name, real in inner.items() if real not in seen]
            seen.update(inner.values())
            if {SETTINGS, TABLE} <= set(files):  # of an earlier command
                folders[:] = [name for name in folders if name not in WRITTEN]
            for name in sorted(filter(_visible, files)):
                if Path(name).suffix.lower() in IMAGES:
                    yield Path(place, name)
                else:
                    self._leave(Path(place, name))

    def _leave(self, path: Path) -> None:
        """Count a file that is no image by its name."""
        if path.parent != self.out:
            kind = f"{path.suffix.lower()} file" if path.suffix else "file without a suffix"
            self.unread[kind] += 1
            self.examples.setdefault(kind, os.path.relpath(path, self.root))

    def _refused(self, error: OSError) -> None:
        self.closed.append(f"{error.filename}: cannot be listed ({error.strerror}); chmod u+rx, or correct it")

    @property
    def left_out(self) -> str:
        """What was no image by its name, with an example of each kind; empty without any."""
        return ", ".join(f"{count} × {kind} ({self.examples[kind]})" for kind, count in sorted(self.unread.items()))


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in COMPANIONS


def inputs_of(given: Sequence[str], out: Path) -> Inputs:
    """What the arguments name. Raises ValueError, before any work, for one that names nothing."""
    found = dict.fromkeys(_absolute(path) for argument in given for path in _named(argument))
    folders = {path for path in found if path.is_dir()}
    places = [path for path in found if folders.isdisjoint(path.parents)]
    root = Path(os.path.commonpath([path if path in folders else path.parent for path in places]))
    return Inputs(root, places, _absolute(out))


def _absolute(path: str | Path) -> Path:
    """Without `..`. Links stay: a photograph has the name that it was given."""
    return Path(os.path.normpath(Path(path).absolute()))


def _named(argument: str) -> list[str]:
    if os.path.lexists(argument):
        return [argument]
    if argument == STDIN:
        raise ValueError("- is one image on standard input: give nothing else beside it")
    found = sorted(glob.glob(argument, recursive=True)) if glob.has_magic(argument) else []  # noqa: PTH207 absolute ones, too
    if not found:
        raise ValueError(f"{argument}: no such file or folder: correct it")
    return found


def result_name(name: str) -> str:
    """The photograph's name with .png: a/1.png → a/1.png, a/1.jpg → a/1.jpg.png. No two names have the same result."""
    pure = PurePosixPath(name)
    if pure.suffix == ".png" and PurePosixPath(pure.stem).suffix.lower() not in IMAGES:
        return name
    return f"{name}.png" if pure.suffix.lower() in IMAGES else f"{name}.png.png"


def stable(items: Iterator[Item] | Inputs, seen: dict[str, tuple[int, int, bool]]) -> Iterator[Item]:
    """Items whose size and time are those of the call before, each once until its file changes again.

    seen: name → size, time, whether it was given; kept from call to call.
    """
    for item in items:
        try:
            status = item.path.stat() if item.path.exists() else item.path.lstat()  # of a link that leads nowhere
        except OSError:
            continue  # gone again
        size, time, given = seen.get(item.name, (-1, -1, False))
        same = (size, time) == (status.st_size, status.st_mtime_ns)
        seen[item.name] = (status.st_size, status.st_mtime_ns, same)
        if same and not given:
            yield item


def chunks(items: Iterator[Item], size: int, keep: Callable[[Item], Item]) -> Iterator[list[Item]]:
    """Lists of `size` items. keep: completes an item when it is taken."""
    part: list[Item] = []
    for item in items:
        part.append(keep(item))
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
