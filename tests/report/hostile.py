"""A record with all of its parts, and values that anybody may have put into their places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from made_up import made_up, strip

from renormal.contracts import CHOSEN
from renormal.report.record import write_record

TRIAL = {"projection": "eq8", "score": "dssim", "settings": {"step_size": 0.1}, "metrics": {"pixel_auroc": 0.9}}
CHOICE = {
    "schema": 1,
    "metric": "pixel_auroc",
    "held_out": True,
    "chosen": TRIAL,
    "reference": TRIAL,
    "baseline": {"dssim": {"pixel_auroc": 0.8}},
    "trials": [TRIAL],
    "model": "vae",
    "category": "tile",
    "seed": 1,
}
CONFIG = {
    "name": "trial",
    "seed": 1,
    "stages": ["train", "choose", "test"],
    "model": {"name": "vae", "label": "VAE", "paper": "vae", "net": {"latent": 100}},
    "data": {"name": "mvtec", "root": "/data/mvtec", "patch_size": 32, "url": "https://me:hidden-in-a-url@host/a"},
    "projections": {"eq8": {"step_size": 0.5, "energy": {"weight": 0.05, "start": None}}},
    "score": {"_target_": "renormal.scores.DSSIM"},
    "scores": {"squared_error": {"_target_": "renormal.scores.SquaredError"}},
    "choose": {"scores": {"dssim": {"_target_": "renormal.scores.DSSIM"}}, "api_key": "hidden-in-a-key"},
    "test": {"crossed": True},
    "logger": {"wandb": {"project": "p", "entity": None, "mode": "offline"}},
}
METRICS = ("baseline/pixel_auroc", "eq8/pixel_auroc", f"{CHOSEN}/pixel_auroc", "squared_error/pixel_auroc")
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


def full_record(root: Path) -> dict[str, Any]:
    """Decoded, with its pictures below `root`/vae/tile/1."""
    folder = root / "vae" / "tile" / "1"
    panels = [{**strip(folder / "panels", name), "auroc": "0.9", "baseline_limit": "0.5"} for name in "ab"]
    film = {"file": panels[0]["file"], "iterations": [0, 1, 4], "path": panels[0]["path"]}
    repaired = {"file": panels[0]["file"], "columns": ["x0", "pasted", "truth"], "rows": [{"path": "a", "psnr": 20.5}]}
    record = made_up(
        seed=1,
        category="tile",
        metrics=dict.fromkeys((*METRICS, "baseline/squares_psnr_hole"), 0.5),
        undefined={"aupro": "no masks"},
        maps={"eq8": {"limit": 0.5, "threshold": 0.2}},
        projections={"eq8": {"threshold": 24.5, "steps_mean": 31.0, "seconds": None}},
        device={"name": "a CPU", "type": "cpu", "threads": 2, "count": 1, "precision": "32-true"},
        versions={"python": "3.11"},
        hashes={"training": "ab.cdx2", "test": "ef", "data": "01"},
        training={"images": 1000.0, "epochs": None},
        curves={
            "eq8": {"pixel_auroc": [0.5, 0.6, 0.7], "iterations": [0, 1, 2], "steps": [0, 3], "path": film},
            "repaired_squares": repaired,
        },
        choice=CHOICE,
        config=CONFIG,
        panels=panels,
    )
    content: dict[str, Any] = json.loads(write_record(folder, record).read_text(encoding="utf-8"))
    return content


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
