"""docs/settings.md: a table of all settings, with the values that conf/ gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from omegaconf import OmegaConf

from renormal.settings.faults import description_of, settings_of, shown, unwrapped
from renormal.settings.hydra import Hydra
from renormal.settings.kinds import words_of
from renormal.settings.objects import Group
from renormal.settings.recipe import Recipe

PLACES = {  # folder of conf/ → where its files stand in the config
    ".": "",
    "budget": "",
    **{name: name for name in ("data", "model", "score", "choose", "trainer", "logger")},
    "projection": "projections.any",
    "projection/shared": "projections.any",
    "hydra/launcher": "hydra.launcher",
    "hydra/sweeper": "hydra.sweeper",
}
COPIES = "data.source."  # settings there are those of data
MANY = 3  # values of one setting in a cell, ours
HEAD = """# Settings

Each key of a job, the values that it takes, and what it means. Any other value is refused before work begins.

- *Of*: the classes that have this setting. Without this line: all of them.
- *Value*: what the key takes.
- *Conf*: the values that the files of conf/ give, apart from experiment/, sweep/ and ablation/. `${name}` takes the
  value of another key. –: no file gives one, and the class has a default. An object, such as `model.net`, has – too.

[The method](method.md) explains x0, x_N, f, L_r, E, λ, α and T. S is the map of a second network, which marks damage.
g is an L² AE. `model=repair_l2_ae` trains both beside f. `stand_in` draws the images of `data=rehearsal`.

An object of your own, with another `_target_`, has settings of its own. Of those only NaN and infinity are refused.
`python -m renormal.settings > docs/settings.md` writes this page.
"""


class Row(NamedTuple):
    """One setting."""

    place: str
    words: str
    description: str
    owners: tuple[str, ...]
    values: tuple[str, ...]


def page(conf: Path) -> str:
    """The whole page. conf: the folder with the recipe."""
    nodes = list(files_of(conf))
    found = [*rows_below(Recipe, "", "", nodes, set())]
    found += rows_below(Hydra, "hydra", "", [node["hydra"] for node in nodes if "hydra" in node], set())
    rows = [row for row in merged(found) if not row.place.startswith(COPIES)]
    owners = {
        above(row): {owner for other in rows if above(other) == above(row) for owner in other.owners} for row in rows
    }
    text = HEAD
    for part in dict.fromkeys(map(part_of, rows)):
        text += f"\n## {part}\n\n| key | meaning |\n|---|---|\n"
        for row in rows:
            if part_of(row) == part:
                text += line(row, everywhere=set(row.owners) == owners[above(row)])
    return text


def files_of(conf: Path) -> Iterator[dict[str, Any]]:
    """Each file at its place in the config, as it is written."""
    for folder, place in PLACES.items():
        for path in sorted((conf / folder).glob("*.yaml")):
            node = loaded(path)
            if not place:
                node.pop("hydra", None)
            yield from (placed(one, place) for one in with_groups(conf, node))


def with_groups(conf: Path, node: dict[str, Any]) -> list[dict[str, Any]]:
    """The file once with each file of a group that its defaults put inside of it, as /damage@net.corruption does."""
    nodes = [node]
    for entry in node.get("defaults", []):
        group, _, inside = next(iter(entry)).partition("@") if isinstance(entry, dict) else ("", "", "")
        if inside and group.startswith("/") and not inside.startswith("_"):
            files = [placed(loaded(path), inside) for path in sorted((conf / group[1:]).glob("*.yaml"))]
            nodes = [OmegaConf.to_container(OmegaConf.merge(one, file)) for one in nodes for file in files]  # type: ignore[misc]
    return nodes


def loaded(path: Path) -> Any:
    """A file as it is written, over the files that its defaults name without a group, as shared/paper@_here_ does."""
    node: Any = OmegaConf.load(path)
    names = [entry for entry in node.get("defaults", []) if isinstance(entry, str) and entry[0] not in "_/"]
    return OmegaConf.to_container(OmegaConf.merge(*(base(path.parent, name) for name in names), node), resolve=False)


def base(folder: Path, name: str) -> Any:
    """The file that an entry of defaults names, at its place."""
    file, _, inside = name.partition("@")
    node = loaded(folder / f"{file}.yaml")
    node.pop("defaults", None)
    return placed(node, inside.replace("_here_", ""))


def placed(node: Any, place: str) -> Any:
    """The node below the keys of its place."""
    for part in reversed(place.split(".") if place else []):
        node = {part: node}
    return node


def rows_below(annotation: Any, place: str, owner: str, nodes: list[Any], seen: set[type[Group]]) -> Iterator[Row]:
    """The settings at this place and below it.

    nodes: what the files have there. seen: objects whose settings have their rows.
    """
    role, kind = unwrapped(annotation)
    if role is None and isinstance(kind, type) and issubclass(kind, Group):
        for key, below in settings_of(kind).items():
            if not key.startswith("_"):
                values = [node[key] for node in nodes if isinstance(node, dict) and key in node]
                yield from rows_below(below, f"{place}.{key}".lstrip("."), owner, values, seen)
    elif role is None and get_origin(kind) is dict and unwrapped(get_args(kind)[1])[0]:
        named = [value for node in nodes if isinstance(node, dict) for value in node.values()]
        yield from rows_below(get_args(kind)[1], f"{place}.<name>", owner, named, seen)
    elif role is None:
        values_here = tuple(dict.fromkeys(map(shown, nodes)))
        yield Row(place, words_of(annotation), description_of(annotation), (owner,), values_here)
    else:
        yield Row(place, role.noun.partition(":")[0], description_of(annotation), (owner,), ())
        for model in (one for one in role.models if one not in seen):
            seen.add(model)
            own = [node for node in nodes if role.tag(node) == f"<{model.__name__}>"]
            names = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in model.targets))
            yield from rows_below(model, place, names, own, seen)


def merged(rows: Iterable[Row]) -> list[Row]:
    """One row for what several classes have at one place."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        same = found.get(row[:3], row._replace(owners=(), values=()))
        values = tuple(dict.fromkeys((*same.values, *row.values)))
        found[row[:3]] = row._replace(owners=tuple(dict.fromkeys((*same.owners, *row.owners))), values=values)
    return list(found.values())


def part_of(row: Row) -> str:
    """The heading that a setting stands under."""
    first, *rest = row.place.split(".")
    return f"{first}.{rest[0]}" if first == "hydra" else first if rest else "job"


def above(row: Row) -> str:
    return row.place.rpartition(".")[0]


def line(row: Row, *, everywhere: bool) -> str:
    """A line of the table. everywhere: all classes have the setting."""
    values = ", ".join(f"`{value}`" for value in row.values[:MANY]) + ", …" * (len(row.values) > MANY)
    owners = [] if everywhere else [f"*Of*: {', '.join(row.owners)}"]
    facts = [row.description, *owners, f"*Value*: {row.words}", f"*Conf*: {values or '–'}"]
    cells = (f"`{row.place}`", "<br>".join(filter(None, facts)))
    return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |\n"
