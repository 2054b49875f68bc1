"""Archives of strangers: unpacked whole below one folder, or refused in one line that leaves nothing."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest
from archives import END, HUGE, NEGATIVE, archive, member, pax, said
from hypothesis import given
from hypothesis import strategies as st

from renormal.data import DataError
from renormal.data import unpack as unpack_module
from renormal.data.unpack import unpack

GOOD = archive(("b/train/good/0.png", b"1"), ("license.txt", b"l"))
TAKEN = {
    "plain": GOOD,
    "gzip": gzip.compress(GOOD),
    "gzip in two parts": gzip.compress(GOOD[:700]) + gzip.compress(GOOD[700:]),
    "bzip2": bz2.compress(GOOD),
    "xz": lzma.compress(GOOD),
    "lzma": lzma.compress(GOOD, lzma.FORMAT_ALONE),
    "time that is no number": pax(mtime=b"nan"),
    "time without end": pax(mtime=b"inf"),
    "time before 1970": archive(("d/a", b"x"), mtime=-(10**9)),
    "setuid, unreadable, of somebody": archive(("d/a", b"x"), mode=0o6000, uid=12345, uname="nobody"),
    "owner that is no number": pax(uid=b"x"),
    "name of 255": archive(("d/" + "a" * 255, b"x")),
    "hyphen": archive(("-rf/a", b"x")),
    "letters beyond ASCII": archive(("d/ü漢.png", b"x")),
    "empty": bytes(10240),
}
LINK = r"is a link, a device or sparse, or leaves the folder; do not trust this archive"
ODD = r"has a name or a size that no file has; do not trust this archive"
TWICE = r"is in it twice; do not trust this archive"
DAMAGED = r"damaged archive \(.+\); delete it and run again"
RECORDS = (b"1000 a=" + b"b" * 992 + b"\n") * 3000  # 3 MB of extended values
REFUSED = {
    "absolute": (archive(("/tmp/evil", b"x")), LINK),
    "climbs": (archive(("a/../../evil", b"x")), LINK),
    "soft link": (archive(("a", b""), type=tarfile.SYMTYPE, linkname="/etc"), LINK),
    "hard link": (archive(("a", b""), type=tarfile.LNKTYPE, linkname="/etc/passwd"), LINK),
    "fifo": (archive(("a", b""), type=tarfile.FIFOTYPE), LINK),
    "device": (archive(("a", b""), type=tarfile.CHRTYPE, devmajor=1, devminor=3), LINK),
    "kind that nobody knows": (member(kind=b"Z") + END, LINK),
    "sparse": (member(kind=b"S") + END, LINK),
    "no name": (archive(("", b"x")), ODD),
    "the folder itself": (archive((".", b"x")), ODD),
    "not UTF-8": (member(b"d/\xff") + END, ODD),
    "end of line": (archive(("d/a\nb", b"x")), ODD),
    "escape": (archive(("d/\x1b[31m", b"x")), ODD),
    "zero": (pax(path=b"d/a\0b"), ODD),
    "negative size": (member(size=NEGATIVE) + END, ODD),
    "negative size, extended": (pax(size=b"-512"), ODD),
    "long name": (archive(("d/" + "a" * 256, b"x")), "too long to store"),
    "deep": (archive(("a/" * 5000 + "a", b"x")), "too long to store"),
    "twice": (archive(("a", b"1"), ("./a", b"2")), TWICE),
    "file, then folder": (archive(("a", b"1"), ("a/b", b"2")), TWICE),
    "folder, then file": (archive(("a/b", b"1"), ("a", b"2")), TWICE),
    "huge": (member(size=HUGE) + END, "more than 10000 files and folders or 1000000 bytes"),
    "bomb": (gzip.compress(archive(("a", bytes(3_000_000)))), "more than 10000 files and folders or 1000000 bytes"),
    "header of 10^15 bytes": (member(kind=b"x", size=HUGE) + END, DAMAGED),
    "name of −512 bytes": (member(kind=b"L", size=NEGATIVE) + END, DAMAGED),
    "a header of digits": (member(kind=b"x", size=said(2 * 10**6), content=b"1" * 2 * 10**6) + member() + END, DAMAGED),
    "headers of 18 MB": (member(kind=b"x", size=said(3 * 10**6), content=RECORDS) * 6 + member() + END, DAMAGED),
    "names of names": (member(kind=b"L") * 3000 + member() + END, DAMAGED),
    "sparse map of letters": (pax(GNU__sparse__map=b"a,b", GNU__sparse__size=b"5"), DAMAGED),
    "size of letters": (pax(size=b"abc"), DAMAGED),
    "size not octal": (member(size=b"99999999999") + END, DAMAGED),
    "cut in a file": (GOOD[:515], DAMAGED),
    "cut between files": (GOOD[:1024], DAMAGED),
    "second header damaged": (GOOD[:1030] + b"\x01" + GOOD[1031:], DAMAGED),
    "gzip without its end": (gzip.compress(GOOD)[:-6], DAMAGED),
    "bzip2 with an error": (bz2.compress(GOOD)[:40] + bytes(5) + bz2.compress(GOOD)[45:], DAMAGED),
    "xz with an error": (lzma.compress(GOOD)[:60] + bytes(5) + lzma.compress(GOOD)[65:], DAMAGED),
    "text": (b"hello\n" * 100, DAMAGED),
    "nothing": (b"", DAMAGED),
    "zip": (b"PK\x05\x06" + bytes(18), "a zip archive, not a tar: set data.url to a .tar.xz, or unpack it by hand"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(99), "a rar archive"),
}


def outcome(folder: Path, content: bytes) -> tuple[list[str], str]:
    """The files that an archive leaves, or the line that refuses it: it must have left none, here or elsewhere."""
    target, line = folder / "deep" / "target", ""
    target.mkdir(parents=True, exist_ok=True)
    (folder / "a.tar").write_bytes(content)
    try:
        unpack(folder / "a.tar", target, max_bytes=1_000_000)
    except DataError as error:
        line = str(error)
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
    assert sorted(path.name for path in folder.iterdir()) == ["a.tar", "deep"]
    assert [path.name for path in (folder / "deep").iterdir()] == ["target"]
    assert not line or (found == [] and line.isprintable() and line.startswith(f"{folder}/a.tar: "))
    return found, line


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_odd_but_harmless_is_taken(case: str, tmp_path: Path) -> None:
    found, line = outcome(tmp_path, TAKEN[case])
    assert line == ""
    if case not in ("name of 255", "hyphen", "letters beyond ASCII", "empty"):
        files = ["b", "b/train", "b/train/good", "b/train/good/0.png", "license.txt"]
        assert found == (files if b"license" in TAKEN[case] or TAKEN[case][257:262] != b"ustar" else ["d", "d/a"])
    assert all(path.stat().st_mode & 0o7777 == 0o644 for path in (tmp_path / "deep").rglob("*") if path.is_file())


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trusted_is_one_line_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    content, line = REFUSED[case]
    assert re.search(line, outcome(tmp_path, content)[1])


def test_a_header_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    bomb = lzma.compress(member(kind=b"L", size=said(2 * 10**7), content=bytes(2 * 10**7)) + member() + END)
    tracemalloc.start()
    assert "a header of 20000256 bytes" in outcome(tmp_path, bomb)[1]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("kind", [b"0", b"5"])
def test_too_many_members_are_refused_before_one_is_written(
    kind: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_module, "_write", lambda *_: pytest.fail("a file was written"))
    many = b"".join(
        member(b"%d" % number, kind=kind, content=b"x" if kind == b"0" else b"") for number in range(10_001)
    )
    start = time.process_time()
    assert "more than 10000 files" in outcome(tmp_path, many + END)[1]
    assert time.process_time() - start < 10, "a refusal took 28 s"


def test_folders_that_only_paths_name_are_counted_before_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_module, "_write", lambda *_: pytest.fail("a folder was made"))
    deep = b"".join(member(b"%d/" % number + b"a/" * 30 + b"x") for number in range(400))
    assert "more than 10000 files and folders" in outcome(tmp_path, deep + END)[1]


def test_folders_of_many_files_are_counted_once(tmp_path: Path) -> None:
    files = b"".join(member(b"a/" * 40 + b"%d" % number) for number in range(300))
    assert outcome(tmp_path, files + END)[1] == ""


HEADERS = st.builds(
    member,
    st.binary(max_size=99) | st.sampled_from([b"a", b"../a", b"/a", b"a/b", b"."]),
    st.binary(max_size=12) | st.sampled_from([said(0), said(1), said(600), NEGATIVE, HUGE]),
    st.sampled_from([bytes([sign]) for sign in b"01234567gxLKSDMVNZ\0"]),
    st.binary(max_size=600),
)


@given(st.lists(HEADERS, max_size=4), st.sampled_from([b"", bytes(512), END]))
def test_any_headers_are_unpacked_below_the_target_or_refused(
    tmp_path_factory: pytest.TempPathFactory, headers: list[bytes], end: bytes
) -> None:
    outcome(tmp_path_factory.mktemp("any"), b"".join(headers) + end)


@given(
    st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=3),
    st.floats(0, 1),
)
def test_flipped_and_missing_bytes_lose_no_file_silently(
    tmp_path_factory: pytest.TempPathFactory, compress: type, flips: list[tuple[float, int]], share: float
) -> None:
    """What is unpacked has as many files as the archive: tarfile takes a damaged header for the end."""
    content = bytearray(compress(GOOD))
    for place, value in flips:
        content[int(place * len(content))] = value
    found, line = outcome(tmp_path_factory.mktemp("flipped"), bytes(content[: 1 + int(share * len(content))]))
    assert line or sum("." in name for name in found) == 2
