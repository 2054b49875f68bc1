"""Addresses that are typed and headers that servers send: read as they are meant, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renormal.data import DataError
from renormal.data.web import OtherBytesError, address, archive_name, extent, without_query

SENT = {
    "https://münchen.de/ü b.tar.xz": "https://xn--mnchen-3ya.de/%C3%BC%20b.tar.xz",
    "http://h/%C3%BC.tar": "http://h/%C3%BC.tar",
    "HTTP://h:80/a?x=ü#part": "http://h:80/a?x=%C3%BC",
    "http://[::1]:8080/a": "http://[::1]:8080/a",
}
NO_ADDRESS = [None, 5, "", "h/a", "file:///etc/passwd", "ftp://h/a", "data:,x", "http:///a", "http://:80/a", "http:h/a"]
NO_ADDRESS += ["http://h:abc/", "http://h:99999/", "http://[::1/", "http://a..b/", "http://" + "x" * 70, "http://a b/"]
NO_ADDRESS += [
    "http://h/\n",
    "http://h/a\r\nX: y",
    "http://h/\udcff",
    "http://\0/",
    "http://user:geheim@h/",
    "http://u@h/",
]


@pytest.mark.parametrize("typed", SENT)
def test_what_a_request_cannot_hold_is_encoded(typed: str) -> None:
    assert address(typed) == SENT[typed]


@pytest.mark.parametrize("typed", NO_ADDRESS)
def test_what_cannot_be_asked_for_is_refused_without_its_password(typed: object) -> None:
    with pytest.raises(DataError, match=r"^data\.url") as refused:
        address(typed)
    assert "geheim" not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://h/mvtec_anomaly_detection.tar.xz", "mvtec_anomaly_detection.tar.xz"),
        ("http://h/a.tgz?download=1", "a.tgz"),
        ("http://h/bottle", "bottle.archive"),
        ("http://h/license.txt", "license.txt.archive"),
        ("http://h/..", "archive"),
        ("http://h/.ssh", "ssh.archive"),
        ("http://h", "archive.tar"),
        ("http://h/" + "a" * 300 + ".tar.gz", "a" * 143 + ".tar.gz"),
    ],
)
def test_an_archive_has_a_name_that_no_folder_and_no_file_of_the_user_has(url: str, name: str) -> None:
    assert archive_name(url) == name


def test_a_key_in_an_address_is_not_shown() -> None:
    assert without_query("http://h/a.tar?token=geheim") == "http://h/a.tar"


@pytest.mark.parametrize("length", ["", "abc", "-5", "+5", "1e3", "1_0", "0x10", "٥", "5, 5", "9" * 30, "5.0"])
def test_a_length_that_is_no_number_is_not_known(length: str) -> None:
    assert extent(200, {"Content-Length": length}, 0) == (0, None)


@pytest.mark.parametrize(
    ("headers", "have", "answer"),
    [
        ({"Content-Range": "bytes 60-99/100", "Content-Length": "40"}, 60, (60, 100)),
        ({"Content-Range": "bytes 60-69/100"}, 60, (60, 100)),
        ({"Content-Range": " bytes 60-99/* "}, 60, (60, None)),
        ({"Content-Range": "bytes 0-99/100"}, 0, (0, 100)),
        ({"Content-Range": "bytes 10-99/100"}, 60, None),
        ({"Content-Range": "bytes 60-10/100"}, 60, None),
        ({"Content-Range": "bytes 60-99/99"}, 60, None),
        ({"Content-Range": "bytes sixty-99/100"}, 60, None),
        ({"Content-Range": "bytes -60-99/100"}, 60, None),
        ({}, 60, None),
    ],
)
def test_a_part_continues_what_is_there_or_is_not_taken(
    headers: dict[str, str], have: int, answer: tuple[int, int | None] | None
) -> None:
    if answer is None:
        with pytest.raises(OtherBytesError, match="the server sends"):
            extent(206, headers, have)
    else:
        assert extent(206, headers, have) == answer


SIGNS = "0123456789 -+/*:@?#[]%._abytesx\n\0\x1b²٥ü漢\udcff"
FIELDS = st.text(SIGNS, max_size=30) | st.from_regex(r"bytes [0-9]{1,3}-[0-9]{1,3}/([0-9]{1,3}|\*)", fullmatch=True)


@given(st.sampled_from([200, 206]), st.integers(0, 999), FIELDS, FIELDS)
def test_any_header_says_where_its_bytes_belong_or_is_refused(status: int, have: int, length: str, place: str) -> None:
    try:
        start, total = extent(status, {"Content-Length": length, "Content-Range": place}, have)
    except OtherBytesError:
        assert status == 206
        return
    assert start == (have if status == 206 else 0)
    assert total is None or total >= start


@given(st.text(SIGNS, max_size=40).map("http://{}".format) | st.text(SIGNS, max_size=40))
def test_any_address_is_sent_in_ascii_or_refused(typed: str) -> None:
    try:
        sent = address(typed)
    except DataError:
        return
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    assert 0 < len(archive_name(sent)) <= 150
    assert "/" not in archive_name(sent)
