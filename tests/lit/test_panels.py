"""A panel: six pictures in a row, exact in its pixels, both maps on one scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps

from renormal.lit.panels import DEFECT, RED, TILES, UNKNOWN, distinct, heat, plain, write_panel
from renormal.report.strips import read_picture


def sample(channels: int, size: int) -> dict[str, Any]:
    """An image of constant grey with a defect in the middle; maps of constant value."""
    regions = torch.zeros(size, size, dtype=torch.long)
    regions[size // 4 : size // 2, size // 4 : size // 2] = 1
    x0, baseline, projected = (torch.full((channels, size, size), value) for value in (0.2, 0.4, 0.6))
    maps = [torch.full((size, size), value) for value in (0.1, 0.4)]
    ends = {"baseline": (baseline, maps[0]), "projected": (projected, maps[1])}
    return {"x0": x0, **ends, "regions": regions, "limits": (0.4, 0.4)}


@pytest.mark.parametrize(("channels", "size"), [(1, 128), (3, 128), (3, 512)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tiles_stand_in_their_order(tmp_path: Path, channels: int, size: int, dtype: torch.dtype) -> None:
    tensors = sample(channels, size)
    tensors |= {key: value.to(dtype) for key, value in tensors.items() if isinstance(value, torch.Tensor)}
    entry = write_panel(tmp_path / "panels", "test/bent/000.png", **tensors)
    files = {"file": "panels/test-bent-000.png", "maps": "panels/test-bent-000-maps.png"}
    limits = {"baseline_limit": "0.4", "limit": "0.4"}
    assert entry == {**files, "tiles": " | ".join(TILES), **limits, "auroc": "0.500000"}  # a constant map
    strip = np.asarray(read_picture(tmp_path / entry["file"], "RGB"))
    assert strip.shape == (size, 6 * size, 3)
    corners = [strip[0, index * size].tolist() for index in range(6)]
    assert np.abs(np.array(corners)[[0, 1, 2, 5], 0] - 255 * np.array([0.2, 0.4, 0.6, 0.2])).max() < 1
    inferno = colormaps["inferno"]
    expected = 255 * np.array([inferno(0.25)[:3], inferno(1.0)[:3]])  # 0.1 and 0.4 of 0.4
    assert np.abs(np.array(corners)[3:5] - expected).max() < 3


def test_the_maps_alone_hold_every_value_in_255_parts_of_the_limit(tmp_path: Path) -> None:
    tensors = sample(3, 32)
    tensors["projected"] = (tensors["x0"], torch.linspace(0, 0.5, 32).expand(32, -1))  # beyond the limit of 0.4 too
    tensors["regions"][0, 0] = -1
    entry = write_panel(tmp_path / "panels", "test/bent/000.png", **tensors)
    greys = np.asarray(read_picture(tmp_path / entry["maps"], "L"))
    assert greys.shape == (32, 3 * 32)
    assert (greys[:, :32] == round(255 * 0.1 / 0.4)).all()
    restored = greys[0, 32:64] / 255 * 0.4
    assert np.abs(restored - np.linspace(0, 0.5, 32).clip(max=0.4)).max() <= 0.4 / 510 + 1e-6
    truth = greys[:, 64:]
    assert truth[0, 0] == UNKNOWN
    assert ((truth == DEFECT) == (tensors["regions"].numpy() > 0)).all()
    assert set(np.unique(truth)) == {0, UNKNOWN, DEFECT}


def test_the_contour_is_red_outside_of_the_defect_and_follows_the_size(tmp_path: Path) -> None:
    for size, width in ((128, 1), (512, 4)):
        tensors = sample(3, size)
        entry = write_panel(tmp_path, "a.png", **tensors)
        truth = np.asarray(read_picture(tmp_path / Path(entry["file"]).name, "RGB"))[:, 5 * size :]
        red = (truth == RED).all(axis=-1)
        assert red.sum() == (size // 4 + 2 * width) ** 2 - (size // 4) ** 2
        assert not red[tensors["regions"].numpy() > 0].any()


@pytest.mark.parametrize("region", [-1, 0])
def test_without_a_marked_defect_there_is_no_truth(tmp_path: Path, region: int) -> None:
    entry = write_panel(tmp_path, "a.png", **sample(3, 32) | {"regions": torch.full((32, 32), region)})
    assert "auroc" not in entry
    assert entry["tiles"] == " | ".join([*TILES[:5], ""])
    assert (np.asarray(read_picture(tmp_path / "a.png", "RGB"))[:, 160:] == 255).all()


def test_values_above_the_limit_are_brightest() -> None:
    coloured = heat(torch.tensor([[0.5, 7.0]]), 0.5)
    assert (coloured[0, 0] == coloured[0, 1]).all()


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="limit must be > 0, got 0"):
        heat(torch.zeros(1, 1), 0)


def test_the_entry_has_the_auroc_of_the_map_before_it_is_cut_into_255_parts(tmp_path: Path) -> None:
    tensors = sample(3, 32)
    tensors["projected"] = (tensors["x0"], torch.where(tensors["regions"] > 0, 2e-5, 1e-5))  # both black in 8 bits
    assert write_panel(tmp_path, "a.png", **tensors)["auroc"] == "1.000000"


def test_photographs_of_like_names_have_panels_of_their_own() -> None:
    paths = ["test/dent/1.jpg", "test/dent/1.png", "test/a/b-2.png", "test/a-b/2.png", "test/a/b/2.png"]
    assert len({plain(f"eq8-{distinct(path)}") for path in paths}) == len(paths)
    assert distinct("grid/test/metal_contamination/000.png") == "grid/test/metal_contamination/000.png"


def test_panels_of_photographs_with_the_longest_names_have_names_of_their_own() -> None:
    paths = [f"test/{'缺' * 83}/{'x' * 250}{k}.png" for k in range(3)]
    names = {plain(f"eq8_adam-{distinct(path)}") for path in paths}
    assert len(names) == 3
    assert max(len(f".{name}-maps.png.draft".encode()) for name in names) < 255
