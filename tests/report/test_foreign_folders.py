"""The report of a folder that anybody may have filled: each bad file is one line, and the good jobs are shown."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import full_record
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up, strip, write_made_up
from PIL import Image

from mutations import changes
from renormal.report.cli import main
from renormal.report.record import read_record, read_records
from renormal.report.render import progress
from renormal.report.status import read_status

Lines = list[str]


def report(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, Lines]:
    """Exit status, the page, and the lines of stderr."""
    status = main([str(folder), *arguments])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    return status, (folder / "report.html").read_text(encoding="utf-8"), captured.err.splitlines()


def lines_of(problems: Lines, path: Path) -> Lines:
    return [line for line in problems if line.startswith(f"unreadable: {path}: ")]


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


CURVE = {"pixel_auroc": [0.5, 0.6]}
PANEL = {"file": "panels/a.png", "maps": "panels/a-maps.png", "tiles": "x0 | x_N", "path": "a.png"}
SHARES = ("baseline/pixel_auroc", "eq8/aupro", "eq8/best_f1", "eq8/squares_auroc", "eq8/image_recall/a\nb")
BROKEN_RECORDS: dict[str, Any] = {  # changes of a good record; its former file for None
    **{f"{name} of {value}": {"metrics": {name: value}} for name in SHARES for value in (-0.1, 1.1, 2, 1e18)},
    "a checkpoint that is a number": {"config": {"checkpoint": 1e300}},
    "checkpoints that are numbers": {"config": {"checkpoint": [1]}},
    "a list of curves": {"curves": [CURVE]},
    "a curve that is a number": {"curves": {"eq8": 3}},
    "a curve of text": {"curves": {"eq8": {"pixel_auroc": ["high"]}}},
    "a curve of lists": {"curves": {"eq8": {"pixel_auroc": [[0.5]]}}},
    "a curve of other length": {"curves": {"eq8": CURVE | {"iterations": [1]}}},
    "steps that count nothing": {"curves": {"eq8": {"steps": [0, 0]}}},
    "negative steps": {"curves": {"eq8": {"steps": [-1, 2]}}},
    "a film without iterations": {"curves": {"eq8": {"path": {"file": "a.png", "iterations": []}}}},
    "a film that is text": {"curves": {"eq8": {"path": "a.png"}}},
    "a choice without its parts": {"choice": {"metric": "pixel_auroc"}},
    "a choice that is a list": {"choice": [1]},
    "a choice that is null": {"choice": None},
    "a config that is a list": {"config": [1]},
    "a model that is null": {"config": {"model": None}},
    "a model that is text": {"config": {"model": "vae"}},
    "projections that are a list": {"config": {"projections": ["eq8"]}},
    "an energy that is a number": {"config": {"projections": {"eq8": {"energy": 1}}}},
    "a step size that is text": {"config": {"projections": {"eq8": {"step_size": "0.5"}}}},
    "scores that are text": {"config": {"scores": "all"}},
    "a score that is text": {"config": {"score": "dssim"}},
    "stages that are numbers": {"config": {"stages": [1]}},
    "a patch size that is text": {"config": {"data": {"patch_size": "128"}}},
    "a logger that is a list": {"config": {"logger": []}},
    "a test that is null": {"config": {"test": None}},
    "a size that is text": {"data": {"size": "128"}},
    "a note that is a list": {"data": {"note": ["a"]}},
    "threads that are text": {"device": {"threads": "four"}},
    "threads that are null": {"device": {"threads": None}},
    "no thread": {"device": {"threads": 0}},
    "a huge integer": {"metrics": {"baseline/pixel_auroc": 10**400}},
    "a huge number": {"metrics": {"baseline/pixel_auroc": 1e300}},
    "too many columns": {"metrics": {f"x{index}/pixel_auroc": 0.5 for index in range(501)}},
    "NaN": {"metrics": {"baseline/pixel_auroc": float("nan")}},
    "infinity": {"seconds": {"train": float("inf")}},
    "NaN in the config": {"config": {"a": {"b": [float("nan")]}}},
    "negative seconds": {"seconds": {"train": -1}},
    "true for a number": {"metrics": {"baseline/pixel_auroc": True}},
    "a deep config": {"config": deep(60)},
    "a very deep config": {"config": deep(900)},
    "half of a surrogate pair": {"name": "a\ud800"},
    "half of a pair in a key": {"config": {"\udfff": 1}},
    "an escape in a name": {"name": "\x1b[2J"},
    "a line end in a category": {"category": "grid\n\\input{x}"},
    "a long name": {"name": "n" * 100_000},
    "an unknown kind": {"kind": "liquid"},
    "a fraction of a seed": {"seed": 0.5},
    "another schema": {"schema": 2},
    "a wrong limit": {"panels": [PANEL | {"limit": "nan"}]},
    "a limit of 0": {"panels": [PANEL | {"limit": "0"}]},
    "an infinite limit": {"panels": [PANEL | {"limit": "1e999"}]},
    "a limit below 0": {"panels": [PANEL | {"baseline_limit": "-1"}]},
    "a limit that is text": {"panels": [PANEL | {"limit": "high"}]},
    "an AUROC above 1": {"panels": [PANEL | {"auroc": "2"}]},
    "panels that are text": {"panels": "a.png"},
    "both names of a field": {"calibration": {}, "choice": {}},
}
BROKEN_STATES: dict[str, Any] = {
    "a list": [],
    "an unknown state": {"state": "lost"},
    "no state": {"epoch": 1},
    "text for a number": {"state": "done", "epoch": "1"},
    "true for a number": {"state": "done", "epoch": True},
    "a huge integer": {"state": "running", "epoch": 10**400},
    "infinity": {"state": "running", "updated": float("inf")},
    "NaN": {"state": "running", "started": float("nan")},
    "a time before 1970": {"state": "running", "started": -1.0},
    "a list for text": {"state": "failed", "error": ["a"]},
    "a stage with an escape": {"state": "running", "stage": "\x1b]0;x\x07"},
    "a deep value": {"state": "running", "more": deep(60)},
}
BROKEN_PLANS: dict[str, Any] = {
    "a number of jobs": {"jobs": 3},
    "no jobs": {},
    "jobs that are null": {"jobs": None},
    "jobs that are numbers": {"jobs": [1]},
    "a job elsewhere": {"jobs": ["../../etc"]},
    "a job at the root": {"jobs": ["/etc/passwd"]},
    "a job with a line end": {"jobs": ["a\nb"]},
    "jobs as an object": {"jobs": {"a": 1}},
}


def test_every_broken_record_state_and_plan_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up(tmp_path, made_up())
    good = json.loads((tmp_path / "vae/grid/0/record.json").read_text())
    paths = []
    for name, kinds, whole in (
        ("record.json", BROKEN_RECORDS, good),
        ("state.json", BROKEN_STATES, {}),
        ("plan.json", BROKEN_PLANS, {}),
    ):
        for index, change in enumerate(kinds.values()):
            path = tmp_path / name.partition(".")[0] / str(index) / name
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(whole | change if isinstance(change, dict) else change))
            paths.append(path)
    status, page, problems = report(tmp_path, capsys)
    assert status == 1
    found = {path: len(lines_of(problems, path)) for path in paths}
    assert found == dict.fromkeys(paths, 1)
    assert len(problems) == len(paths)
    assert max(map(len, problems)) < 400 + len(str(tmp_path))
    assert "<h2>grid</h2>" in page, "the good job is shown"


def not_a_file(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    elif kind == "too large":
        with path.open("wb") as file:
            file.truncate(2**35)
    else:
        path.symlink_to({"device": "/dev/zero", "endless": "/proc/self/pagemap", "circle": path.name}[kind])


@pytest.mark.parametrize("name", ["record.json", "state.json", "plan.json"])
def test_what_is_no_file_is_one_line_and_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_made_up(tmp_path, made_up())
    kinds = ["pipe", "folder", "socket", "too large", "device", "endless", "circle"]
    for kind in kinds:
        (tmp_path / kind).mkdir()
        not_a_file(tmp_path / kind / name, kind)
    status, page, problems = report(tmp_path, capsys)
    assert status == 1
    assert [len(lines_of(problems, tmp_path / kind / name)) for kind in kinds] == [1] * len(kinds)
    assert "<h2>grid</h2>" in page


def test_a_circle_of_folders_a_deep_folder_and_a_strange_name_have_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_made_up(tmp_path, made_up())
    (tmp_path / "vae" / "again").symlink_to(tmp_path)
    place = tmp_path / "deep"
    for _ in range(300):
        place = place / "d"
    place.mkdir(parents=True)
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J"))
    strange.mkdir()
    (strange / "state.json").write_text('{"state": "running", "updated": 5, "started": 1}')
    status, page, problems = report(tmp_path, capsys)
    assert (status, problems) == (0, [])
    assert r"\udcff\x1b[2J" in page


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up(tmp_path, made_up())
    (tmp_path / "closed").mkdir(mode=0)
    status, _, problems = report(tmp_path, capsys)
    assert (status, problems) == (1, [f"unreadable: {tmp_path / 'closed'}: Permission denied"])


NAMES = ["[/]", "[bold]", "$\\frac", "a$b$c", "\\input{/etc/passwd}", "%²", "=cmd|' /C calc'!A0", "+1", "-1", "@a", "|"]
NAMES += [
    "../../up",
    "/tmp/up",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "#010203",
    "a [/] b",
    "![x](http://127.0.0.1:9/x.png)",
    "a;=cmd|' /C calc'!A0",
    "![x][y](z)",
]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with figures: each of NAMES is a model, a category or a column of some job, and stands in its texts."""
    root = tmp_path_factory.mktemp("named") / "folder"
    for index in range(len(NAMES) // 3):
        model, category, column = NAMES[3 * index : 3 * index + 3]
        fields = {
            "name": column,
            "model": model,
            "category": category,
            "metrics": {"baseline/pixel_auroc": 0.9, f"{column.replace('/', '.')}/pixel_auroc": 0.8},
            "curves": {column: {"pixel_auroc": [0.5, 0.6], "steps": [0, 3]}},
            "undefined": {"aupimo": "\x1b[31m"},
            "data": {"note": f"{column}\n\x1b[2J"},
            "config": {"model": {"label": category}, "data": {"name": model}, "row": f"{column}\n\\input{{x}}"},
        }
        path = write_made_up(root, made_up("vae", "grid", index))
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    assert main([str(root), "--figures"]) == 0
    return root


def test_no_name_is_markup_of_the_terminal(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(named)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    assert "[/]" in captured.out


def test_no_name_is_a_command_of_latex(named: Path) -> None:
    text = (named / "table.tex").read_text()
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    own = "usepackage begin end toprule midrule bottomrule multicolumn textbf texttt scriptsize footnotesize linewidth"
    own += " textbackslash textless textgreater textbar uparrow downarrow Uparrow Downarrow pm"
    assert commands <= {*own.split()}
    body = text.split("\n", 1)[1]
    assert not re.search(r"(?<!\\)[%#~^]", body.replace("$^2$", "").replace("^2$", "")), "each special sign is escaped"


def test_no_cell_of_the_table_is_a_formula(named: Path) -> None:
    with (named / "table.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert not [cell for row in rows for cell in (*row[:5], row[-1]) if re.search("(^|;)[=+@-]", cell)]
    assert any(row[10].startswith("-") for row in rows), "numbers stay numbers"


def test_no_name_is_a_picture_or_a_link_of_markdown(named: Path) -> None:
    text = (named / "table.md").read_text()
    assert r"!\[x]\[y]\(z)" in text
    assert not re.search(r"!\[|\]\(|\]\[", text)


def test_no_name_is_an_element_of_the_page(named: Path) -> None:
    text = (named / "report.html").read_text()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7 * 7 }}" in text
    assert "\x1b" not in text


def test_no_name_leads_out_of_the_folder(named: Path) -> None:
    assert [path.name for path in named.parent.iterdir()] == ["folder"]
    assert {path.parent for path in named.rglob("*.pdf")} == {named / "figures"}
    assert len(list(named.rglob("figure5-*.png"))) == len(NAMES) // 3


def png(width: int, height: int, *, bits: int = 8) -> bytes:
    """A PNG that claims a size, with no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def saved(path: Path, mode: str, size: tuple[int, int], kind: str) -> None:
    Image.new(mode, size).save(path, kind)


BROKEN_PICTURES: dict[str, Callable[[Path], None]] = {
    "900 megapixels": lambda path: path.write_bytes(png(30_000, 30_000)) and None,  # type: ignore[func-returns-value]
    "100 megapixels": lambda path: path.write_bytes(png(10_000, 10_000)) and None,  # type: ignore[func-returns-value]
    "no pixels": lambda path: path.write_bytes(png(96, 32)) and None,  # type: ignore[func-returns-value]
    "no width": lambda path: path.write_bytes(png(0, 32)) and None,  # type: ignore[func-returns-value]
    "empty": lambda path: path.write_bytes(b"") and None,
    "text": lambda path: path.write_text("no picture") and None,  # type: ignore[func-returns-value]
    "EPS": lambda path: saved(path, "RGB", (96, 32), "EPS"),
    "another width": lambda path: saved(path, "RGB", (95, 32), "PNG"),
    "another height": lambda path: saved(path, "RGB", (96, 16), "PNG"),
    "pipe": lambda path: not_a_file(path, "pipe"),
    "folder": lambda path: not_a_file(path, "folder"),
    "too large": lambda path: not_a_file(path, "too large"),
    "device": lambda path: not_a_file(path, "device"),
    "circle": lambda path: not_a_file(path, "circle"),
    "elsewhere": lambda path: path.symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("which", ["file", "maps"])
def test_a_broken_picture_is_named_and_the_others_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    folder = tmp_path / "vae" / "grid" / "0"
    panels = [
        strip(folder / "panels", name) for name in ("good", *(kind.replace(" ", "-") for kind in BROKEN_PICTURES))
    ]
    for panel, make in zip(panels[1:], BROKEN_PICTURES.values(), strict=True):
        (folder / panel[which]).unlink()
        make(folder / panel[which])
    write_made_up(tmp_path, made_up(panels=panels))
    status, page, problems = report(tmp_path, capsys, "--figures")
    assert status == 0
    assert len(problems) <= 1
    named = re.findall(r'<p class="problem">(.*?)</p>', page)
    missing = [panel["path"] for panel in panels[1:] if not any(Path(panel[which]).stem in line for line in named)]
    assert missing == []
    assert len(named) == len(BROKEN_PICTURES)
    assert "test/bent/good.png · bent" in page


@pytest.mark.parametrize("name", ["report.html", "table.csv", "table.tex", "table.md"])
@pytest.mark.parametrize("out", [False, True])
def test_a_link_in_the_place_of_an_output_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, out: bool
) -> None:
    folder, other = tmp_path / "folder", tmp_path / "thesis.tex"
    other.write_text("a year")
    write_made_up(folder, made_up())
    place = tmp_path / "out" if out else folder
    place.mkdir(exist_ok=True)
    (place / name).symlink_to(other)
    assert main([str(folder), *(["--out", str(place)] if out else [])]) == 0
    assert other.read_text() == "a year"
    assert not (place / name).is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket"])
@pytest.mark.parametrize("name", ["report.html", "table.csv"])
def test_what_is_no_file_in_the_place_of_an_output_is_one_line_before_any_other_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    write_made_up(tmp_path, made_up())
    not_a_file(tmp_path / name, kind)
    before = sorted(tmp_path.iterdir())
    assert main([str(tmp_path)]) == 2
    line = f"renormal-report: {tmp_path / name} is no regular file: give the name of a file\n"
    assert capsys.readouterr() == ("", line)
    assert sorted(tmp_path.iterdir()) == before


def test_figures_are_not_written_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, other = tmp_path / "folder", tmp_path / "pictures"
    other.mkdir()
    write_made_up(folder, made_up(curves={"eq8": {"pixel_auroc": [0.5, 0.6]}}))
    (folder / "figures").symlink_to(other)
    assert main([str(folder), "--figures"]) == 2
    assert "figures is a link: delete it, or replace it by a folder" in capsys.readouterr().err
    assert list(other.iterdir()) == []


def test_records_are_not_published_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, other = tmp_path / "folder", tmp_path / "other"
    write_made_up(folder, made_up())
    other.mkdir()
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "vae").symlink_to(other)
    assert main([str(folder), "--publish", str(tmp_path / "shown")]) == 2
    assert "vae is a link: delete it, or replace it by a folder" in capsys.readouterr().err
    assert list(other.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up(tmp_path / "folder", made_up())
    (tmp_path / "out").write_text("")
    assert main([str(tmp_path / "folder"), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"renormal-report: {tmp_path / 'out'}")


def test_no_password_reaches_a_file_or_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an older record: today's are written without."""
    full_record(tmp_path)
    path = tmp_path / "vae/tile/1/record.json"
    assert "hidden-in" not in path.read_text(), "a record of today"
    content = json.loads(path.read_text())
    url = "https://me:hidden-in-a-url@host/a?X-Amz-Signature=hidden-in-an-argument"
    content["config"] |= {"data": {"url": url}, "password": "hidden-in-a-key", "list": [{"a": f"see {url}"}]}
    content["config"]["model"] |= {"label": url}
    path.write_text(json.dumps(content))
    (tmp_path / "vae/tile/1/state.json").write_text(json.dumps({"state": "failed", "error": f"{url}: not found"}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/state.json").write_text(json.dumps({"state": url}))
    assert main([str(tmp_path)]) == 1
    assert main([str(tmp_path), "--publish", str(tmp_path / "shown")]) == 1
    captured = capsys.readouterr()
    assert "hidden-in" not in captured.out + captured.err
    written = [
        file for file in tmp_path.rglob("*.*") if file.is_file() and file.suffix in (".html", ".md", ".csv", ".tex")
    ]
    for file in (*written, *(tmp_path / "shown").rglob("record.json")):
        assert "hidden-in" not in file.read_text(), file


@given(st.data())
def test_any_change_of_a_record_is_read_or_one_line(tmp_path: Path, data: st.DataObject) -> None:
    content = full_record(tmp_path)
    path = tmp_path / "vae/tile/1/record.json"
    path.write_text(json.dumps(data.draw(changes(content))))
    records, problems = read_records(tmp_path)
    assert len(records) + len(problems) == 1
    assert not problems or re.fullmatch(f"{path}: .+", problems[0])
    assert not records or records == [read_record(path)]


@settings(max_examples=20)
@given(st.data())
def test_any_change_of_a_record_leaves_a_report(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("changed") / "folder"
    content = full_record(root)
    (root / "vae/tile/1/record.json").write_text(json.dumps(data.draw(changes(content))))
    write_made_up(root, made_up())
    assert main([str(root), "--metric", "pixel_auroc"]) in (0, 1)
    assert "<h2>grid</h2>" in (root / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in root.parent.iterdir()] == ["folder"]


STATES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("state", "stage", "epoch", "epochs", "started", "updated", "error", "log"), st.none())
    | {
        "state": st.sampled_from(["running", "done", "failed", "interrupted", "waiting", "", 1]),
        "epoch": st.integers() | st.floats() | st.text(),
        "epochs": st.none() | st.integers(),
        "started": st.floats() | st.integers(),
        "updated": st.floats() | st.integers(),
        "error": st.text(),
        "stage": st.text(),
        "log": st.text(),
    },
)
PLANS = st.fixed_dictionaries({}, optional={"jobs": st.lists(st.text() | st.integers()) | st.text() | st.integers()})


@given(STATES, PLANS)
def test_any_state_and_any_plan_are_read_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any], plan: dict[str, Any]
) -> None:
    root = tmp_path_factory.mktemp("life")
    files = {root / "vae/tile/0/state.json": state, root / "plan.json": plan}
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    status = read_status(root, [], 1e9)
    assert all(any(line.startswith(f"{path}: ") for path in files) for line in status.problems)
    assert len(status.problems) <= 2
    for line in (*status.problems, *progress(status)):
        assert line == line.encode().decode()
