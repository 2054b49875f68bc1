"""The page of predictions in a browser: it fits a phone and a screen, and asks nothing of any place."""

from __future__ import annotations

from pathlib import Path

import pytest
from parts import draw
from PIL import Image

from chromium import launched, needed
from renormal.inspect.inputs import PAGE, Part
from renormal.inspect.predict import main
from renormal.inspect.predictions import Predictions

playwright = needed()
LONG = "a-photograph-with-a-name-that-no-line-can-hold" * 4


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("found") / LONG[:200]
    about = {"promise": ["At most 5 % of good images are called defective."], "doubts": [LONG], "job": f"i/ae/{LONG}"}
    found = Predictions(out, {"root": "", "threshold": 2.0, "about": about}, Part(), force=False)
    lines = [
        {"image": f"{number}{LONG}.png", "score": score, "threshold": 2.0, "defective": score > 2, "defects": []}
        | {"width": 80, "height": 60, "overlay": "overlays/1.png", "note": LONG}
        for number, score in enumerate((4.0, 3.0, 2.5, 1.95, 1.0, 0.9))
    ]
    found.add([*lines, {"image": "broken.png", "error": f"{LONG}: damaged"}])
    found.close()
    Image.open(draw(out / "overlays" / "1.png", seed=1, size=(600, 800))).save(out / "overlays" / "1.png")
    assert main(["--join", str(out)]) == 2
    return out / PAGE


@pytest.mark.parametrize("width", [390, 1366])
def test_nothing_is_wider_than_the_window_and_every_picture_is_seen(page: Path, width: int) -> None:
    asked: list[str] = []
    with launched(playwright) as chromium:
        shown = chromium.new_page(viewport={"width": width, "height": 900})
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(page.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        widths = shown.evaluate(
            "[...document.images].map(one => one.naturalWidth && one.getBoundingClientRect().width)"
        )
        assert len(widths) == 6
        assert min(widths) > 100
        shown.close()
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert [url for url in asked if url.startswith("file:")] == [page.as_uri()]
