"""The command: tables, one self-contained page and figures, and a line for everything that is missing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up import made_up, strip, write_made_up

from renormal.report.cli import main
from renormal.report.figures import budget_figure, budget_lines, paper_points

VOID = {"meta", "img", "br", "input"}


class Page(HTMLParser):
    """Checks that elements nest; collects pictures and links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(str(dict(attrs)["src"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three jobs: one with a good panel, a missing, a broken, and an escaping one; one with old panels; one without."""
    panels = tmp_path / "vae" / "grid" / "0" / "panels"
    entries = [strip(panels, name) for name in ("good", "gone", "broken")]
    (panels / "gone.png").unlink()
    (panels / "broken-maps.png").write_bytes(b"no picture")
    strip(tmp_path / "panels", "secret")
    entries.append({**entries[0], "path": "test/bent/secret.png", "file": "../../../panels/secret.png"})
    curves = {"eq8": {"pixel_auroc": [0.5, 0.7, 0.9], "steps": [0, 3, 9]}}
    config = {"data": {"root": "/home/me/mvtec"}, "latent": 100}
    write_made_up(tmp_path, made_up(panels=entries, curves=curves, config=config))
    old = [{key: value for key, value in entry.items() if key != "maps"} for entry in entries]
    write_made_up(tmp_path, made_up("gamma_vae", panels=old))
    write_made_up(tmp_path, made_up("dsae", "bottle", kind="object", config={"latent": 64}))
    return tmp_path


def test_the_page_is_self_contained_and_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.pictures) == 7  # of the good panel: f(x0) and x_N with their maps; x0, x_N and map above the table
    assert all(source.startswith("data:image/webp;base64,") for source in page.pictures)
    assert not re.search(r"<(link|iframe)|src=\"http|url\((?!#|data:)|@import", text)
    assert "test/bent/good.png · bent" in text
    assert "panels/gone.png is missing" in text
    assert "broken-maps.png: no picture in PNG or WEBP or JPEG" in text
    assert "is not in the folder of the record" in text
    assert text.count("γ-VAE: panels of an older version") == 1
    assert "No job of this category wrote pictures." in text
    assert "&lt;made-up&gt; &amp; small" in text
    assert "prefers-color-scheme: dark" in text
    assert capsys.readouterr().out.rstrip().endswith(str(folder / "report.html"))


def test_the_page_shows_no_path_of_the_machine(folder: Path) -> None:
    (folder / "vae" / "grid" / "0" / "state.json").write_text("{")
    main([str(folder)])
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "Unreadable: vae/grid/0/state.json: Expecting property name" in text
    assert "/home/me" not in text
    assert str(folder) not in text


def test_every_element_has_an_id_of_its_own(folder: Path) -> None:
    write_made_up(folder, made_up("vae", "tile", curves={"eq8": {"pixel_auroc": [0.5, 0.7], "steps": [0, 3]}}))
    main([str(folder)])
    ids = re.findall(r' id="([^"]+)"', (folder / "report.html").read_text(encoding="utf-8"))
    assert ids
    assert len(ids) == len(set(ids))


def test_the_same_records_give_the_same_files_elsewhere_too(folder: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert main([str(folder), "--out", str(tmp_path / "new" / out), "--figures"]) == 0
    first, second = ({file.name: file for file in (tmp_path / "new" / out).rglob("*.*")} for out in ("a", "b"))
    figures = [f"{name}.{kind}" for name in ("figure1", "figure3", "figure5-vae-grid-0") for kind in ("png", "pdf")]
    assert sorted(first) == sorted(["table.md", "table.csv", "table.tex", "report.html", *figures])
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in first)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["a\nb"], "a\\nb: no such folder"),
        (["x" * 5000], f"{'x' * 5000}: no such folder"),
        (["empty"], "empty: no record.json that can be read"),
        (["full", "--metric", "auroc"], "metric 'auroc' is in no record; there are aupro, pixel_auroc"),
    ],
)
def test_nothing_to_show_is_one_line_and_exit_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    write_made_up(Path("full"), made_up())
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith(f"renormal-report: {message}")


def test_an_unreadable_record_is_named_and_the_rest_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = folder / "vae/tile/0/record.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    assert main([str(folder)]) == 1
    assert str(broken) in capsys.readouterr().err
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "vae/tile/0/record.json" in text
    assert "bottle" in text


def test_a_budget_curve_needs_one_job_with_several_budgets() -> None:
    runs = [made_up(training={"images": images}) for images in (100, 1000)] + [made_up(category="tile")]
    assert budget_lines(runs, "pixel_auroc") == {
        ("VAE grid", "baseline"): [(100, 0.8), (1000, 0.8)],
        ("VAE grid", "eq8_adam"): [(100, 0.9), (1000, 0.9)],
    }


def test_the_paper_stands_in_the_budget_figure_of_its_own_images_only() -> None:
    runs = [made_up(training={"images": images}, config={"data": {"name": "mvtec"}}) for images in (100, 1000)]
    assert paper_points(runs, "pixel_auroc") == {("VAE grid", "baseline"): 0.888, ("VAE grid", "eq8_adam"): 0.961}
    assert paper_points([made_up()], "pixel_auroc") == paper_points(runs, "aupro") == {}
    labels = [text.get_text() for text in budget_figure(runs).legends[0].get_texts()]
    assert labels[-2:] == ["the paper", "the paper's baseline"]


def test_a_falling_rate_has_a_minus_and_no_hyphen(tmp_path: Path) -> None:
    metrics = {"baseline/pixel_auroc": 0.9, "eq8_adam/pixel_auroc": 0.72}
    write_made_up(tmp_path, made_up("vae", "grid", metrics=metrics))
    assert main([str(tmp_path)]) == 0
    assert "mean improvement rate −20.00%" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_recalls_of_defects_have_a_table_of_their_own_and_reasons_stand_below(tmp_path: Path) -> None:
    metrics = {"baseline/pixel_auroc": 0.9, "baseline/f1": 0.5, "baseline/recall/bent": 0.25}
    reasons = {"aupimo": "25600 pixels of good images, an FPR of 1e-05 needs 100000"}
    write_made_up(tmp_path, made_up("vae", "grid", metrics=metrics, undefined=reasons))
    write_made_up(tmp_path, made_up("vae", "tile", metrics={"baseline/pixel_auroc": 0.9}))  # an older record
    assert main([str(tmp_path), "--metric", "recall/bent"]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<th></th><th>pixel AUROC</th><th>F1</th></tr>" in page
    assert "<th></th><th>recall/bent</th></tr>" in page
    assert f"No AUPIMO: {reasons['aupimo']}." in page
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert re.search(r"grid +\| +\**0\.250", table)
    assert main([str(tmp_path), "--metric", "aupimo"]) == 2


@pytest.mark.parametrize(
    ("arguments", "name"),
    [([""], "folder"), ([" "], "folder"), (["x", "--with", ""], "--with"), (["x", "--out="], "--out")],
)
def test_an_empty_argument_is_not_the_working_directory(
    arguments: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of renormal-report "$FOLDER" where the variable is not set: a record of that directory was shown."""
    write_made_up(tmp_path, made_up())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    line = f"renormal-report: argument {name}: the argument is empty: give the path of a folder or file; see"
    assert capsys.readouterr().err.startswith(line)
    assert not list(tmp_path.rglob("report.html"))
