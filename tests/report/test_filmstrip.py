"""Figure 8 and the page's slider show the iterations that the record kept."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import GREYS, STEPS, filmed, made_up, write_made_up
from PIL import Image

from renormal.report.cli import main
from renormal.report.figures import with_step_size
from renormal.report.film import COLUMNS, change_map, frame_indices, write_animation
from renormal.report.gallery import galleries
from renormal.report.strips import Film, film_of


def test_the_frames_are_cut_from_the_strip(tmp_path: Path) -> None:
    film = film_of(filmed(tmp_path), "eq8")
    assert film is not None
    assert film.iterations == STEPS
    found = [tuple(picture.getpixel((16, 16))[0] for picture in frame) for frame in film.frames()]
    assert found == [(grey, 255 - grey) for grey in GREYS]
    assert film_of(filmed(tmp_path), "eq8_adam") is None


@pytest.mark.parametrize(("size", "held"), [((30, 8), "30 × 8"), ((32, 7), "32 × 7")])
def test_a_strip_that_does_not_hold_them_is_named(tmp_path: Path, size: tuple[int, int], held: str) -> None:
    Image.new("RGB", size).save(tmp_path / "path.png")
    with pytest.raises(ValueError, match=f"{held} pixels do not hold 4 iterations"):
        Film(tmp_path / "path.png", STEPS).frames()


def test_an_animation_holds_every_iteration_and_is_small(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (1024, 31 * 512, 3), dtype=np.uint8)  # nothing compresses worse
    Image.fromarray(noise).save(tmp_path / "path.png", compress_level=1)
    path = write_animation(tmp_path / "figures" / "a.webp", Film(tmp_path / "path.png", list(range(31))), "L² AE, γ")
    with Image.open(path) as animation:
        assert animation.n_frames == 31
        assert animation.info["loop"] == 0
    assert path.stat().st_size < 3_000_000


def test_a_frame_shows_x_its_reconstruction_and_what_has_changed(tmp_path: Path) -> None:
    film = film_of(filmed(tmp_path), "eq8")
    assert film is not None
    with Image.open(write_animation(tmp_path / "a.webp", film, "VAE")) as animation:
        for index, grey in enumerate(GREYS):
            animation.seek(index)
            pixels = np.asarray(animation.convert("RGB")).astype(int)
            width, middle = pixels.shape[1] // 3, pixels.shape[0] // 2
            assert pixels[middle, width // 2] == pytest.approx([grey] * 3, abs=6)
            assert pixels[middle, width + width // 2] == pytest.approx([255 - grey] * 3, abs=6)
            assert (pixels[middle, 2 * width + width // 2].sum() < 40) == (index == 0)
            assert pixels[:18].min() < 100  # text


def test_change_is_measured_in_grey_levels() -> None:
    x0, x = Image.new("RGB", (2, 2), (100, 100, 100)), Image.new("RGB", (2, 2), (100, 100, 196))  # 32 of 255 on average
    assert change_map(x0, x0).max() <= 3  # inferno begins at nearly black
    one, other = change_map(x, x0), change_map(x0, x)
    assert (one == other).all()
    assert (one == change_map(Image.new("RGB", (2, 2), (132, 132, 132)), x0)).all()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 31, 101])
def test_a_filmstrip_has_few_columns_with_the_first_and_the_last(count: int) -> None:
    columns = frame_indices(count)
    assert len(columns) == min(count, COLUMNS) == len(set(columns))
    assert (columns[0], columns[-1]) == (0, count - 1)
    assert columns == sorted(columns)


def test_the_command_writes_the_filmstrip_and_the_animation(tmp_path: Path) -> None:
    write_made_up(tmp_path, filmed(tmp_path))
    assert main([str(tmp_path), "--figures"]) == 0
    names = {path.name for path in (tmp_path / "figures").glob("figure8*")}
    assert names == {f"figure8-vae-grid-0-eq8.{kind}" for kind in ("png", "pdf", "webp")}


def test_the_page_gets_the_iterations_of_the_filmed_sample_alone(tmp_path: Path) -> None:
    record = filmed(tmp_path)
    samples = {sample.path[-5]: sample for sample in galleries({"grid": [record]})["grid"].samples}
    frames = samples["a"].restorations[1].frames
    greys = [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))).mean() for _, uri in frames]
    assert [t for t, _ in frames] == STEPS
    assert greys == pytest.approx(GREYS, abs=4)
    assert samples["a"].restorations[0].frames == samples["b"].restorations[1].frames == ()
    assert samples["a"].size_bytes > samples["b"].size_bytes + sum(len(uri) for _, uri in frames) // 2
    published = replace(record, panels=[], folder=tmp_path / "elsewhere")
    assert galleries({"grid": [published]})["grid"].samples == []


def test_lines_of_figure_5_are_labelled_by_their_alpha() -> None:
    projections = {"eq5_0_2": {"step_size": 0.2}, "eq8": {"step_size": 0.5}, "mine_0_1": {"step_size": 0.05}}
    record = made_up(config={"projections": projections})
    labels = [with_step_size(record, method) for method in (*projections, "eq9")]
    assert labels == ["eq5, α = 0.2", "eq8, α = 0.5", "mine_0_1, α = 0.05", "eq9"]
