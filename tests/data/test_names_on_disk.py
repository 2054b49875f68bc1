"""Names, links and permissions of files: taken, or refused in one line that can be printed and written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_sets import listed, of, outlines, photographs, refusal
from renormal.console.text import printable
from renormal.data import DataError, celeba, folder
from renormal.data.memory import load_test

TAKEN = [
    *("x" * 246, "-rf", "--help", "😀👨‍👩‍👧", "می\u200cخواهم", "שלום", "a\u00a0b", "e\u0301"),
    *(
        "a\"'b`",
        "a*b?[c]",
        "a%s%n",
        "{a}${b}",
        "a\\b",
        "a;b&c|d",
        "<b>",
        "=cmd",
        "@a",
        "a,b",
        " a ",
        "a..",
        "#",
        "~",
        "a:b",
    ),
]
ESCAPED = [
    *(
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[31mb",
        "a\x7fb",
        "a\u0085b",
        "a\u2028b",
        "\udcff\udcfe",
        "K\udce4se",
        "a\u202egnp",
        "a\u200bb",
        "good\u200d",
        "\u200ca",
        "\ufeffb",
        "a\u00adb",
        "\ue000",
    ),
    *(),
]


@pytest.mark.parametrize("name", TAKEN)
def test_an_unusual_name_of_an_image_is_taken(name: str, tmp_path: Path) -> None:
    photographs(tmp_path, f"train/good/{name}.png", "test/good/0.png", f"test/bad/{name}.png")
    outlines(tmp_path, f"ground_truth/bad/{name}.png")
    source = folder(tmp_path)
    assert listed(source)[1][f"bad: test/bad/{name}.png"] == f"ground_truth/bad/{name}.png"
    assert load_test(source, size=8, channels=1).paths == ["test/good/0.png", f"test/bad/{name}.png"]


@pytest.mark.parametrize("where", ["train/good/{}.png", "test/{}/1.png", "test/bad/{}.png", "ground_truth/bad/{}.png"])
@pytest.mark.parametrize("name", ESCAPED)
def test_a_name_that_breaks_lines_or_is_no_text_is_refused(name: str, where: str, tmp_path: Path) -> None:
    photographs(tmp_path, "train/good/1.png", "test/good/1.png", "test/bad/1.png", where.format(name))
    with pytest.raises(
        DataError, match="its name has a control character or bytes that are no UTF-8; rename it"
    ) as caught:
        folder(tmp_path)
    assert printable(name) in str(caught.value)
    assert str(caught.value).encode().decode().isprintable()


SPLIT = of((photographs, ("train/good/1.png", "test/good/2.png", "test/bad/3.png")), (outlines, ("masks/3.png",)))


def link(at: str, to: str) -> Callable[[Path], None]:
    return lambda root: (root / at).symlink_to(to)


def replaced(at: str, to: str) -> Callable[[Path], None]:
    return lambda root: ((root / at).unlink(), (root / at).symlink_to(to))


def gone(at: str) -> Callable[[Path], None]:
    """A folder of a disk that is not mounted."""
    return lambda root: (shutil.rmtree(root / at), (root / at).symlink_to("nowhere"))


LINKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "nowhere": (link("test/bad/9.png", "nowhere"), "9.png: is gone, or links to nothing"),
    "itself": (link("train/good/9.png", "9.png"), "9.png: cannot be opened"),
    "a device": (link("test/good/9.png", "/dev/zero"), "9.png: no file, but a folder, pipe, socket or device"),
    "a folder of defects that is gone": (
        link("test/scratch", "nowhere"),
        "test/scratch: a link to nothing; bring back",
    ),
    "a test folder that is gone": (gone("test"), "/test: a link to nothing; bring back the folder that it names"),
    "a training folder that is gone": (gone("train"), "/train: a link to nothing; bring back"),
    "a mask folder that is gone": (gone("masks"), "/masks: a link to nothing; bring back"),
    "a folder that is a link to itself": (link("test/scratch", "scratch"), "test/scratch: a link to nothing"),
    "the folder above": (link("test/9", ".."), "test/9: a link to a folder above it; delete the link"),
    "the whole disk": (link("9", "/"), "/9: a link to a folder above it; delete the link"),
    "a training image": (link("test/good/9.png", "../../train/good/1.png"), "9.png: the same file as .*good/1.png"),
    "a good part": (link("test/bad/9.png", "../good/2.png"), "9.png: the same file as .*test/good/2.png"),
    "the image of the mask": (replaced("masks/3.png", "../test/bad/3.png"), "3.png: .*(same file|no mask)"),
    "no mask": (replaced("masks/3.png", "nowhere"), "masks/3.png: is gone, or links to nothing"),
    "a pipe": (lambda root: os.mkfifo(root / "test/bad/9.png"), "9.png: no file, but a folder, pipe"),
    "a pipe for a mask": (lambda root: os.mkfifo(root / "test/bad/3_mask.png"), "3_mask.png: no file"),
}


@pytest.mark.parametrize("case", LINKS)
def test_a_link_to_what_is_no_image_of_its_own_is_refused(case: str, tmp_path: Path) -> None:
    make, message = LINKS[case]
    SPLIT(tmp_path)
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        folder(tmp_path)


def test_images_that_are_links_are_read_once_each(tmp_path: Path) -> None:
    SPLIT(tmp_path)
    before = listed(folder(tmp_path))
    (tmp_path / "test/bad/3.png").rename(tmp_path / "elsewhere.txt")
    (tmp_path / "test/bad/3.png").symlink_to(tmp_path / "elsewhere.txt")
    assert listed(folder(tmp_path)) == before


CLOSED = ["train/good/1.png", "masks/3.png", "train", "train/good", "test/bad", "masks", "."]


@pytest.mark.parametrize("mode", [0o000, 0o444])
@pytest.mark.parametrize("path", CLOSED)
def test_what_may_not_be_read_is_named(path: str, mode: int, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    if mode and (tmp_path / path).suffix:
        pytest.skip("a file that may be read")
    SPLIT(tmp_path)
    (tmp_path / path).chmod(mode)
    try:
        with pytest.raises(DataError, match="may not be read; give yourself the permission"):
            folder(tmp_path)
    finally:
        (tmp_path / path).chmod(0o755)


@given(data=st.binary(max_size=60), lines=st.lists(st.sampled_from(["1.jpg 0", "2.jpg 2", "1.jpg 2", "3 4", "", "x"])))
def test_a_list_of_parts_is_read_or_refused_in_one_line(data: bytes, lines: list[str], tmp_path: Path) -> None:
    photographs(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "list_eval_partition.txt").write_bytes("\n".join(lines).encode() + b"\n" + data)
    line = refusal(lambda: celeba(tmp_path))
    if line is None:
        assert listed(celeba(tmp_path)) == (["1.jpg"], {"good: 2.jpg": None})
    else:
        assert len(line.splitlines()) == 1
