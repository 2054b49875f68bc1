"""Every row of the tables in docs/code.md names a file that exists and something that it defines; no link is broken."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "code.md").read_text(encoding="utf-8"))


def defined(tree: ast.AST, above: str = "") -> Iterator[str]:
    """Dotted names of all functions and classes of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield f"{above}{node.name}"
            yield from defined(node, f"{above}{node.name}.")


def lacking(root: Path, file: str, name: str) -> str | None:
    """What is wrong with a row, None where nothing is."""
    path = root / file if file.startswith("conf/") else root / "src" / "renormal" / file
    if not path.is_file():
        return f"{file} does not exist"
    text = path.read_text(encoding="utf-8")
    known = set(defined(ast.parse(text))) if path.suffix == ".py" else {name} & set(re.findall(r"[\w.]+", text))
    return None if name in known else f"{file} does not define {name}"


def test_the_tables_are_found() -> None:
    assert {("projection/project.py", "project"), ("conf/projection/eq8_adam.yaml", "projections.eq8_adam")} <= set(
        ROWS
    )


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_every_step_is_in_the_code(file: str, name: str) -> None:
    assert lacking(ROOT, file, name) is None


@pytest.mark.parametrize(
    ("file", "name", "reason"),
    [
        ("lit/made.py", "f", "lit/made.py does not exist"),
        ("metrics/anomaly.py", "made", "metrics/anomaly.py does not define made"),
        ("metrics/anomaly.py", "update", "metrics/anomaly.py does not define update"),
        ("conf/config.yaml", "made_up", "conf/config.yaml does not define made_up"),
    ],
)
def test_a_planted_row_is_found(file: str, name: str, reason: str) -> None:
    assert lacking(ROOT, file, name) == reason


PAGES = [
    *(ROOT / name for name in ("README.md", "RESULTS.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
LINKS = [(path, *link) for path in PAGES for link in LINK.findall(path.read_text(encoding="utf-8"))]


def anchors(text: str) -> set[str]:
    """What GitHub and the site call the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(path: Path, link: str, anchor: str) -> str | None:
    """What is wrong with a link, None where nothing is."""
    place = path.parent / link if link else path
    if place == ROOT / "docs" / "messages.md":
        return None  # make docs writes it alone
    if not place.exists():
        return f"{link} does not exist"
    known = anchors(place.read_text(encoding="utf-8")) if anchor else {""}
    return None if anchor in known else f"{link} has no heading {anchor}"


@pytest.mark.parametrize(("path", "link", "anchor"), LINKS, ids=lambda part: str(getattr(part, "name", part)))
def test_a_link_leads_to_a_file_and_to_a_heading(path: Path, link: str, anchor: str) -> None:
    assert broken(path, link, anchor) is None


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("[a](made.md)", "made.md does not exist"),
        ("[a](docs/results/index.md#made)", "docs/results/index.md has no heading made"),
        ("![a](docs/made.png)", "docs/made.png does not exist"),
        ("[a](#made)", " has no heading made"),
        ("[words](docs/results/index.md#words)", None),
        ("[a](docs/layout.md#where-is-what)", None),
        ("[a](#your-own-photographs)", None),
    ],
)
def test_a_planted_link_is_found(link: str, reason: str | None) -> None:
    (found,) = LINK.findall(link)
    assert broken(ROOT / "README.md", *found) == reason


def test_links_with_headings_are_looked_at() -> None:
    assert sum(bool(anchor) for _, _, anchor in LINKS) > 20


GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_the_page_of_messages_has_them_with_names_for_values(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "made.py").write_text(
        'MEND = "draw this again"\n'
        "def check(mask):\n"
        '    """A mask of two pixels."""\n'
        "    if mask.size != 2:\n"
        '        raise ValueError(f"{mask.path}: has {mask.size} pixels: " f"{MEND}")\n'
        '    log.warning("%s is dark, %.3g on average", mask.path, mask.mean)\n'
        "    parser.add_argument('mask', help='the mask to check here')\n"
        "    raise KeyError(mask)\n"
        "def fault(mask):\n"
        "    return ValueError(f\"{mask}{', which is not there' if mask.gone else ''}\")\n"
    )
    assert GENERATED["messages"](tmp_path) == {
        "data": [
            "draw this again",
            "which is not there",
            "‹path›: has ‹size› pixels: draw this again",
            "‹…› is dark, ‹…› on average",
        ]
    }


def test_a_text_of_another_module_is_in_a_message_only_if_it_is_imported(tmp_path: Path) -> None:
    package = tmp_path / "renormal"
    (package / "data").mkdir(parents=True)
    (package / "texts.py").write_text('SHOWN = "the page shows less"\nMEND = "draw this again"\n')
    (package / "data" / "made.py").write_text(
        "from renormal.texts import MEND\n"
        "SHOWN = 60\n"
        "def check(mask):\n"
        '    raise ValueError(f"{mask} has more than {SHOWN} signs: {MEND}")\n'
    )
    assert GENERATED["messages"](package)["data"] == ["‹mask› has more than ‹shown› signs: draw this again"]


def three_words(text: str) -> set[tuple[str, ...]]:
    """Each three words that stand side by side."""
    runs = [re.findall(r"[a-zA-Z]+", run) for run in re.findall(r"(?:\b[a-zA-Z]+\b[ ,:;]*)+", text)]
    return {tuple(run[i : i + 3]) for run in runs for i in range(len(run) - 2)}


@cache
def known_lines() -> list[str]:
    return [line for lines in GENERATED["messages"](ROOT / "src" / "renormal").values() for line in lines]


@cache
def known_words() -> set[tuple[str, ...]]:
    return three_words("\n".join(known_lines()))


STRANGE = (  # of torch, pydantic, Hydra and the tests themselves; a value among too few words
    "does not require grad",
    "out of memory",
    "should be a valid number",
    "To append to your config",
    "the callback fails",
    "leave some out, or --train",
    "one of mean=9",
    "must be auto, online",
    "0.png: empty file",
    "omega on meta",
)
EXPECTED = {
    node.value: path.name
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    if "match=" in (text := path.read_text(encoding="utf-8"))
    for call in ast.walk(ast.parse(text))
    if isinstance(call, ast.Call)
    for given in call.keywords
    if given.arg == "match"
    for node in ast.walk(given.value)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and three_words(node.value)
    if not any(words in node.value for words in STRANGE)
}


@pytest.mark.parametrize("message", EXPECTED)
def test_a_message_that_a_test_provokes_is_found_by_three_of_its_words(message: str) -> None:
    assert three_words(message) & known_words(), EXPECTED[message]


def test_a_message_that_is_not_there_is_not_found() -> None:
    assert len(EXPECTED) > 100
    assert not three_words("a parrot among the masks; feed it elsewhere") & known_words()


QUOTED = re.findall(
    r"`([^`]+)`",
    "\n".join(
        line
        for line in (ROOT / "docs" / "questions.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("**`")
    ),
)


@pytest.mark.parametrize("message", [quoted for quoted in QUOTED if " " in quoted])
def test_a_message_of_the_questions_is_on_the_page_of_all_in_the_same_words(message: str) -> None:
    assert any(message in line for line in known_lines())


def test_the_questions_lead_to_the_page_of_all_messages() -> None:
    assert "](messages.md)" in (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
