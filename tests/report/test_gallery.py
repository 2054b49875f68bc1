"""The pictures of a page: exact in what they show, and every defect has its turn in what they leave out."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up, strip
from PIL import Image

from renormal.report.embedding import SIDE
from renormal.report.gallery import galleries, outline
from renormal.report.record import Record


def job(root: Path, model: str, category: str, samples: dict[str, str], *, seed: int = 0, limit: str = "0.5") -> Record:
    """A record in memory with a panel for each sample: its defect by name."""
    folder = root / model / category / str(seed)
    panels = [strip(folder / "panels", name) | {"defect": kind, "limit": limit} for name, kind in samples.items()]
    return made_up(model, category, seed, panels=panels, folder=folder)


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")).astype(int)


def test_each_way_follows_the_baseline_of_its_model_in_the_order_of_the_table(tmp_path: Path) -> None:
    records = [job(tmp_path, model, "grid", {"a": "bent"}) for model in ("vae", "l2_ae")]
    (sample,) = galleries({"grid": records})["grid"].samples
    assert [(one.label, one.method) for one in sample.restorations] == [
        (label, method) for label in ("L² AE", "VAE") for method in ("baseline", "eq8")
    ]
    baseline, end = (decoded(one.end) for one in sample.restorations[:2])
    assert np.abs(decoded(sample.x0) - 255).max() <= 3  # WebP is close, not exact
    assert np.abs(baseline - (0, 0, 255)).max() <= 6
    assert end.max() <= 3


def test_the_column_that_decides_comes_first(tmp_path: Path) -> None:
    """A narrow page shows x0 and two columns."""
    record = job(tmp_path, "vae", "grid", {"a": "bent"})
    record.panels.append(record.panels[0] | {"projection": "chosen"})
    (sample,) = galleries({"grid": [record]})["grid"].samples
    assert [one.method for one in sample.restorations] == ["chosen", "baseline", "eq8"]


def test_maps_keep_the_scale_of_their_column_and_the_gallery_names_each(tmp_path: Path) -> None:
    records = [job(tmp_path, "vae", "grid", {"a": "bent"}), job(tmp_path, "dsae", "grid", {"a": "bent"}, limit="0.25")]
    assert galleries({"grid": records[:1]})["grid"].limit == 0.5
    records[1].panels[0]["baseline_limit"] = "2"
    gallery = galleries({"grid": records})["grid"]
    assert gallery.limit is None
    limits = {name: one.limit for name, one in gallery.columns.items()}
    assert limits == {"DSAE baseline": 2.0, "DSAE eq8": 0.25, "VAE baseline": 0.5, "VAE eq8": 0.5}
    greys = {one.label: decoded(one.map).mean() for one in gallery.samples[0].restorations}
    assert greys["DSAE"] == pytest.approx(greys["VAE"], abs=2)  # the file's own levels


def test_a_defect_without_a_mask_is_named_so(tmp_path: Path) -> None:
    record = job(tmp_path, "vae", "grid", {"a": "bent", "b": "cut"})
    file = tmp_path / "vae" / "grid" / "0" / "panels" / "b-maps.png"
    maps = np.asarray(Image.open(file)).copy()
    maps[:, -maps.shape[0] :] = 128
    Image.fromarray(maps).save(file)
    assert [sample.masked for sample in galleries({"grid": [record]})["grid"].samples] == [True, False]


def test_of_several_seeds_the_first_is_shown(tmp_path: Path) -> None:
    records = [job(tmp_path, "vae", "grid", {f"of-{seed}": "bent"}, seed=seed) for seed in (2, 0, 1)]
    assert [sample.path for sample in galleries({"grid": records})["grid"].samples] == ["test/bent/of-0.png"]


def test_a_page_without_room_shows_the_first_of_every_defect_and_category(tmp_path: Path) -> None:
    samples = {"a": "bent", "b": "bent", "c": "cut"}
    records = {category: [job(tmp_path, "vae", category, samples)] for category in ("grid", "tile")}
    whole = galleries(records)["grid"]
    assert [sample.path for sample in whole.samples] == [f"test/bent/{name}.png" for name in "acb"]
    short = galleries(records, budget=4 * whole.samples[0].size_bytes - 1)
    assert [[sample.path[-5] for sample in short[category].samples] for category in records] == [["a", "c"]] * 2
    assert [short[category].left_out for category in records] == [1, 1]


def test_a_large_picture_is_made_small(tmp_path: Path) -> None:
    entry = strip(tmp_path / "panels", "a", side=2 * SIDE)
    (sample,) = galleries({"grid": [made_up(panels=[entry], folder=tmp_path)]})["grid"].samples
    assert decoded(sample.x0).shape[:2] == sample.size == (SIDE, SIDE)


@pytest.mark.parametrize("side", [64, 4 * SIDE])
def test_the_outline_runs_around_the_defect(side: int) -> None:
    truth = Image.new("L", (side, side))
    truth.paste(128, (0, 0, side, side // 8))  # unknown: no defect
    truth.paste(255, (side // 4, side // 4, side // 2, side))  # down to the edge
    shown = min(side, SIDE)
    numbers = np.array(re.findall(r"-?[\d.]+", outline(truth)), dtype=float).reshape(-1, 2)
    assert numbers.min(axis=0) == pytest.approx((shown / 4, shown / 4), abs=1)
    assert numbers.max(axis=0) == pytest.approx((shown / 2, shown), abs=1)
    assert outline(truth).count("M") == 1


def test_without_a_defect_there_is_no_outline() -> None:
    assert outline(Image.new("L", (8, 8), 128)) == ""
