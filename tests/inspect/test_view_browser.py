"""The live page in headless Chromium: a photograph is dropped, its descent is drawn, and settings are moved."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from parts import draw
from PIL import Image
from viewing import viewed

from chromium import launched, needed
from renormal.inspect.load import load
from renormal.job.job import run_job

playwright = needed()
pytest.importorskip("uvicorn", reason="the page needs pip install 'renormal[view]'")

SIZES = {"phone": (390, 844), "laptop": (1400, 900)}
DECIDED = "#decision[data-state=defective], #decision[data-state=normal]"


@pytest.fixture(scope="module")
def run(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live page") / "run"
    never = "projections.eq8.stop.value=0"  # below T: the descent takes all of its 3 steps
    run_job(small("category=bottle", "projection=[eq8]", "test.holdout=2", never, f"folder={folder}"))
    return folder


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    with viewed(run, "--column", "eq8") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched(playwright) as chromium:
        yield chromium


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Noise is far from a bottle."""
    return draw(tmp_path / "noise.png", seed=1)


def opened(browser: Any, address: str, size: str = "laptop", **options: Any) -> tuple[Any, list[str]]:
    """The page, and a list of what goes wrong in it and of what it asks for."""
    width, height = SIZES[size]
    page, said = browser.new_page(viewport={"width": width, "height": height}, **options), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(address)
    page.wait_for_selector("#column option", state="attached")
    return page, said


def shown(page: Any, photo: Path) -> None:
    page.set_input_files("#file", photo)
    page.wait_for_selector(DECIDED)


def pixels(page: Any, name: str) -> NDArray[np.int64]:
    """Without the rounded corners."""
    picture = Image.open(io.BytesIO(page.locator(f"#{name}").screenshot())).convert("RGB")
    return np.asarray(picture).astype(int)[8:-8, 8:-8]


def type_in(page: Any, place: str, value: str) -> None:
    row = page.locator(f'[data-place="{place}"]')
    row.locator("input[type=number]").fill(value)
    row.locator("input[type=number]").press("Enter")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_photograph_is_shown_in_words_and_panels(
    browser: Any, address: str, run: Path, photo: Path, size: str, scheme: str
) -> None:
    page, said = opened(browser, address, size, color_scheme=scheme)
    shown(page, photo)
    answer = load(run).inspect(photo)
    assert page.inner_text("#verdict") == ("Defective" if answer.defective else "Not defective")
    assert f"{answer.score:.3g}" in page.inner_text("#reason")
    assert "The descent took 3 steps" in page.inner_text("#reason")
    for name in ("x0", "x", "map"):
        assert pixels(page, name).std() > 2, name
    assert page.locator("#energy polyline.total").get_attribute("points").count(",") == 4
    assert page.locator("#energy line.stop").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    paths = {line.removeprefix(address).partition("?")[0] for line in said if not line.startswith("data:")}
    assert paths == {"/", "/view.css", "/view.js", "/job", "/descend"}
    page.close()


def test_the_slider_of_steps_goes_back_to_the_photograph(browser: Any, address: str, photo: Path) -> None:
    page, _ = opened(browser, address)
    shown(page, photo)
    page.locator("#time").fill("0")
    assert np.abs(pixels(page, "difference") - [0, 0, 4]).max() <= 3  # the first colour of the scale
    assert page.inner_text("#when") == "xₜ, t = 0"
    page.locator("#time").press("End")
    assert page.inner_text("#when") == "xₜ, t = 3"
    assert pixels(page, "difference").max() > 50
    page.close()


def test_a_moved_setting_descends_again_and_the_promise_is_withdrawn(browser: Any, address: str, photo: Path) -> None:
    page, said = opened(browser, address)
    shown(page, photo)
    assert "of good images are called defective" in page.inner_text("#promise")
    for place, value in (("max_steps", "7"), ("stop", "0.001"), ("step_size", "0.01")):
        with page.expect_response(lambda answer: "/descend" in answer.url):
            type_in(page, place, value)
        page.wait_for_selector(DECIDED)
    assert "The descent took 7 steps" in page.inner_text("#reason")
    assert "not the settings of the job" in page.inner_text("#promise")
    assert said[-1].partition("?")[2] == "column=eq8&step_size=0.01&max_steps=7&stop=0.001"
    with page.expect_response(lambda answer: "/descend" in answer.url):
        page.click("#reset")
    page.wait_for_selector(DECIDED)
    assert "The descent took 3 steps" in page.inner_text("#reason")
    assert "of good images are called defective" in page.inner_text("#promise")
    page.close()


def test_a_photograph_below_t_is_left_as_it_is(browser: Any, address: str, photo: Path) -> None:
    page, _ = opened(browser, address)
    shown(page, photo)
    with page.expect_response(lambda answer: "/descend" in answer.url):
        type_in(page, "stop", "1000000")
    page.wait_for_selector(DECIDED)
    assert page.inner_text("#reason").endswith("Lᵣ is below T from the start: nothing was moved.")
    assert page.inner_text("#verdict") == "Not defective"
    page.close()


def test_a_moved_threshold_decides_anew_without_a_descent(browser: Any, address: str, photo: Path) -> None:
    page, said = opened(browser, address)
    shown(page, photo)
    before = len(said)
    for value, words in (("0", "Defective"), ("1", "Not defective")):
        type_in(page, "threshold", value)
        assert page.inner_text("#verdict") == words
        assert "good images are above it" in page.inner_text("#promise")
    assert said[before:] == []
    page.close()


def test_a_column_without_a_descent_shows_what_it_compares(browser: Any, address: str, photo: Path) -> None:
    page, _ = opened(browser, address)
    shown(page, photo)
    with page.expect_response(lambda answer: "column=baseline" in answer.url):
        page.select_option("#column", "baseline")
    page.wait_for_selector(DECIDED)
    assert page.inner_text("#when") == "f(x₀), in place of xₜ"
    assert not page.locator('[data-place="step_size"]').is_visible()
    page.close()


def test_a_score_that_is_not_finite_is_said_in_words(browser: Any, address: str, photo: Path) -> None:
    """JSON has no infinity: a descent that grows without end has the score null."""

    def endless(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r'"score": [^,]+', '"score": null', answer.text()))

    page, _ = opened(browser, address)
    page.route("**/descend*", endless)
    page.set_input_files("#file", photo)
    page.wait_for_selector("#decision[data-state=error]")
    assert page.inner_text("#reason") == "The score is not finite: take a smaller α."
    page.close()


def test_what_is_no_photograph_is_said_in_words(browser: Any, address: str, tmp_path: Path) -> None:
    page, _ = opened(browser, address)
    (tmp_path / "<b>note.png").write_text("no image")
    page.set_input_files("#file", tmp_path / "<b>note.png")
    page.wait_for_selector("#decision[data-state=error]")
    assert page.inner_text("#reason").startswith("the image: not an image")
    page.close()
