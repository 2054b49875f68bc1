"""Pictures of a whole job."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from made_up import made_up
from PIL import Image

from renormal.report.cli import main
from renormal.report.record import write_record
from renormal.report.sheets import SHEETS, WIDTH, sheets


def test_a_sheet_is_shown_no_wider_than_the_page(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    Image.new("RGB", (2 * WIDTH, 100), "red").save(tmp_path / "panels" / "damage.png")
    ((caption, uri),) = sheets(made_up(folder=tmp_path))
    assert caption == SHEETS["panels/damage.png"]
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))) as picture:
        assert picture.size == (WIDTH, 50)


def test_a_job_without_sheets_has_none_and_a_damaged_one_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / "damage.png").write_text("no picture")
    assert sheets(made_up(folder=tmp_path)) == []
    assert sheets(made_up()) == []


def test_the_page_shows_it_with_its_caption(tmp_path: Path) -> None:
    place = tmp_path / "vae" / "grid" / "0"
    write_record(place, made_up("vae", "grid", 0))
    (place / "panels").mkdir()
    Image.new("RGB", (32, 32), "red").save(place / "panels" / "damage.png")
    main([str(tmp_path)])
    assert SHEETS["panels/damage.png"] in (tmp_path / "report.html").read_text(encoding="utf-8")
