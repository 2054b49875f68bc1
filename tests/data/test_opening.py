"""A file that is no good image ends in one line that names it; nothing hangs and no other error comes through."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from damaged import COLOUR, PNG, READ, REFUSED
from hypothesis import given
from hypothesis import strategies as st

from data_sets import refusal
from renormal.data import DataError
from renormal.data.drawn_masks import decoded
from renormal.data.images import header_of, is_grey, read_image
from renormal.data.opening import opened, strict_pillow

ANY = 10**6  # pixels


def read(path: Path) -> np.ndarray:
    with strict_pillow():
        return read_image(path, size=48, channels=3, fit="crop", max_pixels=ANY)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_good_image_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    data, message = REFUSED[case]
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for attempt in (read, lambda path: decoded(path, ANY)):
        with pytest.raises(DataError, match=f"x.png: .*({message})") as caught, strict_pillow():
            attempt(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", READ)
def test_an_odd_file_gives_the_pixels_of_its_picture(case: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(READ[case])
    expected = np.asarray(COLOUR.crop((8, 0, 56, 48))).transpose(2, 0, 1).astype(int)
    assert np.abs(read(tmp_path / "x.png") - expected).max() <= 6  # a JPEG is rounded


def test_a_tiff_whose_rows_become_columns_has_all_its_rows(tmp_path: Path) -> None:
    COLOUR.save(tmp_path / "x.tif", tiffinfo={0x0112: 6})
    assert header_of(tmp_path / "x.tif", ANY) == ((48, 64), 6)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


def endless(path: Path) -> None:
    path.write_bytes(PNG)
    os.truncate(path, 10**12)


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pipe": (pipe, "no file, but a folder, pipe"),
    "a socket": (listening, "no file, but a folder, pipe"),
    "a folder": (Path.mkdir, "no file, but a folder, pipe"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "no file, but a folder, pipe"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "is gone, or links to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "cannot be opened .*symbolic links"),
    "an endless file without a size": (lambda path: path.symlink_to("/proc/self/mem"), "empty file"),
    "more bytes than pixels need": (endless, "1000000000000 bytes, more than data.max_pixels=1000000 can need"),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_file_is_refused_without_being_opened(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    make, message = SPECIAL[case]
    make(tmp_path / "x.png")
    with pytest.raises(DataError, match=f"x.png: {message}"):
        read(tmp_path / "x.png")


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A file of a common format with a few bytes changed, taken out or put in, most of them in its header."""
    data = bytearray(draw(st.sampled_from([PNG, *READ.values(), *(data for data, _ in REFUSED.values() if data)])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, min(len(data), draw(st.sampled_from([60, 400, 10**6]))) - 1)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data[: draw(st.sampled_from([None, None, None, 20, 500]))])


@given(data=changed())
def test_a_file_of_any_bytes_is_read_or_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(data)

    def grey(path: Path) -> bool:
        with opened(path, ANY) as image:
            return is_grey(image, path)

    with strict_pillow():
        for attempt in (lambda path: header_of(path, ANY), grey, read, lambda path: decoded(path, ANY)):
            line = refusal(partial(attempt, path))
            assert line is None or re.fullmatch(r"\S+x\.png: .+", line), "one line that names the file"
