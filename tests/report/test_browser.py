"""The page in headless Chromium: nothing is fetched, the sliders change the pixels, nothing is wider than a phone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import filmed, made_up, strip, write_made_up
from matplotlib import colormaps
from PIL import Image

from chromium import launched, needed
from renormal.report.cli import main

playwright = needed()

GROUND = 140  # of a map: what it leaves of white, page.css
OVER_WHITE = tuple(255 - (255 - GROUND) * (1 - value) for value in colormaps["inferno"](0.8)[:3])  # screen
SIZES = {"phone": (390, 844), "laptop": (1400, 900), "projector": (1920, 1080)}
WIDE = ("l2_ae", "dsae", "vae", "gamma_vae")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched(playwright) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models with three seeds, a job that failed: x0 white, f(x0) blue, x_N black, maps flat at 0.4 of 0.5."""
    root = tmp_path_factory.mktemp("trial")
    names = ("baseline", "eq8_adam", "eq8")
    for model in WIDE:
        for seed in range(3):
            folder = root / model / "grid" / str(seed)
            panels = [strip(folder / "panels", name) for name in ("a", "b")]
            curves = {"eq8": {"pixel_auroc": [0.5, 0.7, 0.9], "steps": [0, 3, 9]}}
            metrics = {f"{name}/pixel_auroc": 0.7 + place / 20 + seed / 99 for place, name in enumerate(names)}
            record = made_up(model, "grid", seed, panels=panels, curves=curves, metrics=metrics)
            write_made_up(root, record)
    (root / "vae" / "tile" / "0").mkdir(parents=True)
    failed = {"state": "failed", "stage": "train", "epoch": 1, "epochs": 2, "error": "x" * 300, "log": "run.log"}
    (root / "vae" / "tile" / "0" / "state.json").write_text(json.dumps(failed))
    assert main([str(root)]) == 1
    return root / "report.html"


def colour_of(element: Any) -> tuple[int, ...]:
    """The colour in the middle of the right half, where the outline of the defect does not run."""
    pixels = np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)
    return tuple(pixels[pixels.shape[0] // 2, 3 * pixels.shape[1] // 4])


def lines_in(element: Any) -> int:
    """How many pixels are as green as the line around marked ones."""
    red, green, blue = np.moveaxis(np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")), 2, 0)
    return int(((green > 230) & (red > 150) & (red < 230) & (blue < 190)).sum())


def close(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(one, other, strict=True))


def set_slider(page: Any, name: str, value: float) -> None:
    page.locator(f"input[name={name}]").first.fill(str(value))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_every_size_without_errors_requests_or_overflow(
    browser: Any, page_file: Path, size: str, scheme: str
) -> None:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    page.mouse.wheel(0, 100_000)
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert [line for line in said if not line.startswith("data:image/")] == [page_file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_table_of_a_phone_scrolls_under_its_first_column(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(page_file.as_uri())
    wide = page.locator(".wide").first
    wide.evaluate("box => box.scrollLeft = 200")
    assert wide.evaluate("box => box.scrollLeft") == 200
    left = wide.evaluate("box => box.getBoundingClientRect().left")
    assert page.locator(".scores tbody th").nth(1).bounding_box()["x"] == pytest.approx(left, abs=2)
    page.close()


def test_the_sliders_change_what_is_shown(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport=dict(zip(("width", "height"), SIZES["laptop"], strict=True)))
    page.goto(page_file.as_uri())
    ends, maps = page.locator(".picture:has(.end)"), page.locator(".picture:has(.map)")
    assert close(colour_of(ends.nth(0)), (0, 0, 255))
    assert close(colour_of(ends.nth(1)), (0, 0, 0))
    set_slider(page, "path", 0)
    assert close(colour_of(ends.nth(1)), (255, 255, 255))
    set_slider(page, "path", 0.5)
    assert close(colour_of(ends.nth(1)), (127, 127, 127))
    assert close(colour_of(maps.nth(1)), OVER_WHITE)
    page.close()


def test_pixels_above_the_threshold_are_marked_once_they_are_asked_for(browser: Any, tmp_path: Path) -> None:
    """Of maps that are 0.4 in their left half and 0.1 in the right one: a line between the halves."""
    panels = tmp_path / "vae" / "grid" / "0" / "panels"
    entry = strip(panels, "a") | {"path": "a.png"}
    greys = Image.open(panels / "a-maps.png").copy()
    for tile in range(2):
        greys.paste(51, (32 * tile + 16, 0, 32 * tile + 32, 32))
    greys.save(panels / "a-maps.png")
    maps = {name: {"threshold": 0.2, "image_threshold": 0.45} for name in ("baseline", "eq8")}
    write_made_up(tmp_path, made_up("vae", "grid", panels=[entry], maps=maps))
    assert main([str(tmp_path)]) == 0
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    shown, marks = page.locator(".picture:has(.map)").nth(1), page.locator("input[name=marks]")
    output = page.locator("output").first
    assert (lines_in(shown), marks.is_checked(), output.inner_text()) == (0, False, "pixel threshold")
    marks.check()
    found = lines_in(shown)
    assert found > 0
    marks.uncheck()
    assert lines_in(shown) == 0
    for place, count, name in (
        (1.5, found, "50 % of the way to the image threshold"),  # 0.3
        (2, 0, "image threshold"),
        (0.4, 0, "0.40 × pixel threshold"),  # 0.08: all pixels
    ):
        set_slider(page, "threshold", place)
        assert (lines_in(shown), output.inner_text()) == (pytest.approx(count, rel=0.1), name)
        assert marks.is_checked()
    page.close()


def test_a_filmed_descent_goes_through_its_iterations(browser: Any, tmp_path: Path) -> None:
    record = filmed(tmp_path)  # x_t: greys 0, 60, 120, 240 at t = 0, 1, 4, 9; x_N is black
    write_made_up(tmp_path, record)
    assert main([str(tmp_path)]) == 0
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    film, plain, label = page.locator(".end").nth(1), page.locator(".end").nth(3), page.locator(".t").first
    assert label.inner_text() == ""
    for share, grey, text in ((0, 0, "t = 0"), (0.25, 60, "t = 1"), (0.5, 120, "t = 4"), (0.75, 240, "t = 9")):
        set_slider(page, "path", share)
        assert close(colour_of(film), (grey,) * 3)
        assert label.inner_text() == text
        assert close(colour_of(plain), (round(255 * (1 - share)),) * 3)  # blended, its path was not kept
    set_slider(page, "path", 1)
    assert close(colour_of(film), (0, 0, 0))
    assert label.inner_text() == ""
    page.close()


def test_the_sliders_answer_to_the_keyboard_and_have_names(browser: Any, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    slider = page.get_by_role("slider", name="Threshold of the maps, grid")
    slider.focus()
    page.keyboard.press("End")
    assert page.locator("output").first.inner_text() == "0.50"
    page.keyboard.press("ArrowLeft")
    assert float(slider.input_value()) < 0.5
    marks = page.get_by_role("checkbox", name="mark pixels from").first
    assert marks.is_checked()
    marks.focus()
    page.keyboard.press("Space")
    assert not marks.is_checked()
    assert page.evaluate("[...document.images].every(image => image.alt)")
    page.close()


def test_without_scripts_all_but_the_sliders_is_there(browser: Any, page_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert not page.locator("input[name=path]").first.is_visible()
    assert close(colour_of(page.locator(".picture:has(.end)").nth(1)), (0, 0, 0))
    assert close(colour_of(page.locator(".picture:has(.map)").nth(1)), OVER_WHITE)
    assert page.locator(".chart").first.is_visible()
    page.locator(".job summary").first.click()
    assert page.locator(".job dl").first.is_visible()
    context.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_text_stands_out_in_light_and_dark(browser: Any, page_file: Path, scheme: str, dark: bool) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(page_file.as_uri())
    style = "selector => getComputedStyle(document.querySelector(selector))"
    ground = luminance(page.evaluate(f"({style})('body').backgroundColor"))
    assert (ground < 0.5) == dark
    for selector in ("body", ".soft", ".failed dd", "nav a", ".chart"):
        text = luminance(page.evaluate(f"({style})('{selector}').color"))
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5, selector  # WCAG 2.2, 1.4.3
    page.close()


def luminance(colour: str) -> float:
    """Relative luminance of rgb(…), WCAG 2.2."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
