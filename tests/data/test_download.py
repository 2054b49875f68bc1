"""Fetching the archive from a server on loopback: interrupted, resumed, refused, checked, unpacked."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from renormal.data import DataError, mvtec
from renormal.data import download as download_module
from renormal.data.download import download_mvtec, fetch, held
from renormal.data.unpack import unpack


def archive(members: dict[str, bytes], *, links: dict[str, str] | None = None, mode: str = "w:xz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "png")
    return buffer.getvalue()


CABLE = {
    "license.txt": b"CC BY-NC-SA 4.0",
    "cable/train/good/000.png": png(1),
    "cable/test/good/000.png": png(1),
    "cable/test/bent/000.png": png(1),
    "cable/ground_truth/bent/000_mask.png": png(255),
}


class Publisher(ThreadingHTTPServer):
    """Serves `content`; breaks off after `patience` bytes a connection where that is set."""

    content = b""
    patience: int | None = None
    ranges = True
    status: int | None = None
    kind = "application/octet-stream"
    location = encoding = ""
    asked: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mvtec.tar.xz"


class Handler(BaseHTTPRequestHandler):
    server: Publisher

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""

    def do_GET(self) -> None:
        wanted, content = self.headers.get("Range"), self.server.content
        self.server.asked.append(wanted)
        if self.server.location:
            self.send_response(self.server.status or 302)
            self.send_header("Location", self.server.location)
            self.end_headers()
            return
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", self.server.kind)
        if self.server.encoding:
            self.send_header("Content-Encoding", self.server.encoding)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.server.patience])


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    with Publisher(("127.0.0.1", 0), Handler) as server:
        server.content, server.asked = archive(CABLE), []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_missing_category_is_fetched_checked_unpacked_and_read(tmp_path: Path, publisher: Publisher) -> None:
    settings = {"url": publisher.url, "sha256": sha256(publisher.content)}
    source = mvtec(tmp_path / "new", "cable", download=True, accept_licence=True, **settings)
    assert [item.defect for item in source.test] == ["bent", "good"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["cable", "license.txt"]
    mvtec(tmp_path / "new", "cable", download=True, accept_licence=True, **settings)
    assert publisher.asked == [None]  # what is there is not fetched again


def test_without_an_accepted_licence_nothing_is_asked(tmp_path: Path, publisher: Publisher) -> None:
    with pytest.raises(DataError, match=r"CC BY-NC-SA 4\.0.*data\.accept_licence=true"):
        mvtec(tmp_path, "cable", download=True, url=publisher.url)
    assert publisher.asked == []


def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path, publisher: Publisher) -> None:
    publisher.patience = 300
    fetch(publisher.url, tmp_path / "a.tar.xz")
    assert (tmp_path / "a.tar.xz").read_bytes() == publisher.content
    starts = range(0, len(publisher.content), 300)
    assert publisher.asked == [None, *(f"bytes={start}-" for start in starts[1:])]


def test_a_later_run_takes_up_the_part_that_an_earlier_one_left(tmp_path: Path, publisher: Publisher) -> None:
    (tmp_path / "a.part").write_bytes(publisher.content[:100])
    fetch(publisher.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == publisher.content
    assert publisher.asked == ["bytes=100-"]
    assert not (tmp_path / "a.part").exists()


def test_a_server_that_cannot_resume_is_read_from_the_beginning(tmp_path: Path, publisher: Publisher) -> None:
    publisher.ranges = False
    (tmp_path / "a.part").write_bytes(b"x" * 100)
    fetch(publisher.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == publisher.content


@pytest.mark.parametrize("extra", [b"", b"another file's tail"])
def test_a_part_that_is_whole_is_taken_and_one_too_long_is_fetched_anew(
    extra: bytes, tmp_path: Path, publisher: Publisher
) -> None:
    (tmp_path / "a.part").write_bytes(publisher.content + extra)
    fetch(publisher.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == publisher.content
    assert len(publisher.asked) == (2 if extra else 1)


@pytest.mark.parametrize(
    ("status", "asked", "line"),
    [(404, 1, r"404.*the link may have changed: set data\.url"), (503, 5, r"connection lost \(HTTP Error 503")],
)
def test_a_dead_link_ends_at_once_and_a_sick_server_after_five_attempts(
    status: int, asked: int, line: str, tmp_path: Path, publisher: Publisher
) -> None:
    publisher.status = status
    with pytest.raises(DataError, match=line):
        fetch(publisher.url, tmp_path / "a")
    assert len(publisher.asked) == asked


INSTEAD = {
    "page": (b"<!DOCTYPE html><html><body>This share has expired.</body></html>", "a web page"),
    "page with a byte order mark": ("\ufeff\n<html>abgelaufen: Gültigkeit</html>".encode() * 40, "a web page"),
    "message": (b'{"error": "the link has expired"}', r'a text \(\{"error": "the link has expired"\}\)'),
    "line": (b"Forbidden\n", r"a text \(Forbidden\)"),
    "empty": (b"", "an empty file"),
}


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
@pytest.mark.parametrize("case", INSTEAD)
def test_what_is_no_archive_is_named_and_not_kept_and_a_corrected_link_works_at_once(
    case: str, kind: str, tmp_path: Path, publisher: Publisher
) -> None:
    whole, (publisher.content, what) = publisher.content, INSTEAD[case]
    publisher.kind = kind
    settings = {"accept_licence": True, "sha256": sha256(whole)}
    with pytest.raises(DataError, match=rf"mvtec\.tar\.xz: {what} arrived, not an archive: set data\.url to"):
        download_mvtec(tmp_path, url=publisher.url, **settings)
    assert list(tmp_path.iterdir()) == []
    publisher.content = whole
    download_mvtec(tmp_path, url=publisher.url + "?download=1", **settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cable", "license.txt"]


@pytest.mark.parametrize("name", ["mvtec.tar.xz", "mvtec.tar.xz.part"])
def test_a_page_that_an_earlier_version_kept_is_deleted(name: str, tmp_path: Path, publisher: Publisher) -> None:
    (tmp_path / name).write_bytes(INSTEAD["page"][0])
    download_mvtec(tmp_path, accept_licence=True, url=publisher.url, sha256=sha256(publisher.content))
    assert (publisher.asked, (tmp_path / "cable").is_dir()) == ([None], True)


def test_a_page_never_takes_the_place_of_a_part(tmp_path: Path, publisher: Publisher) -> None:
    (tmp_path / "a.part").write_bytes(publisher.content[:100])
    whole, publisher.content, publisher.ranges = publisher.content, INSTEAD["page"][0], False
    with pytest.raises(DataError, match="a web page arrived"):
        fetch(publisher.url, tmp_path / "a")
    assert (tmp_path / "a.part").read_bytes() == whole[:100]


def test_another_archive_is_asked_for_where_the_link_is_corrected(tmp_path: Path, publisher: Publisher) -> None:
    """A whole archive with another SHA-256 is kept: it may be right. Under another link it is fetched anew."""
    whole, publisher.content = publisher.content, archive({"other": b"x"})
    settings = {"accept_licence": True, "sha256": sha256(whole)}
    for _ in range(2):
        with pytest.raises(DataError, match=r"delete it and run again, or set data\.sha256"):
            download_mvtec(tmp_path, url=publisher.url, **settings)
    publisher.content = whole
    download_mvtec(tmp_path, url=publisher.url + "?corrected", **settings)
    assert publisher.asked == [None, None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cable", "license.txt"]


def test_a_server_that_is_not_there_is_one_line_that_says_how_to_go_on(tmp_path: Path, publisher: Publisher) -> None:
    publisher.patience = 0
    with pytest.raises(DataError, match=r"connection lost \(0 of \d+ bytes arrived\); run the same command again"):
        fetch(publisher.url, tmp_path / "a")


def test_another_archive_than_the_published_one_is_not_unpacked(tmp_path: Path, publisher: Publisher) -> None:
    with pytest.raises(DataError, match=f"SHA-256 is {sha256(publisher.content)}, expected cf4313b.*delete it"):
        download_mvtec(tmp_path, accept_licence=True, url=publisher.url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mvtec.tar.xz", "mvtec.tar.xz.url"]


def test_the_configuration_shows_the_link_and_hash_that_the_code_uses() -> None:
    yaml = (Path(__file__).parents[2] / "conf" / "data" / "mvtec.yaml").read_text()
    assert f"\nurl: {download_module.ARCHIVE_URL}\n" in yaml
    assert f"\nsha256: {download_module.ARCHIVE_SHA256} #" in yaml


def test_only_the_web_is_fetched_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must start with http"):
        download_mvtec(tmp_path, accept_licence=True, url="file:///etc/hostname")


EVIL = {
    "climbs out": archive(CABLE | {"../evil": b"!"}),
    "climbs out of a folder": archive(CABLE | {"cable/../../evil": b"!"}),
    "absolute": archive(CABLE | {"/tmp/evil": b"!"}),
    "link out": archive(CABLE, links={"cable/link": "../../../evil"}),
    "link in": archive(CABLE, links={"cable/link": "train"}),
    "truncated": archive(CABLE)[: len(archive(CABLE)) // 2],
    "truncated, not compressed": archive(CABLE, mode="w")[:520],
    "no archive": b"<html>this share has expired</html>",
    "bomb": archive({"cable/zeros": bytes(2_000_000)}),
}


@pytest.mark.parametrize("case", EVIL)
def test_an_archive_that_cannot_be_trusted_leaves_nothing(case: str, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    (tmp_path / "a.tar.xz").write_bytes(EVIL[case])
    line = "damaged archive" if case.startswith(("truncated", "no archive")) else "do not trust"
    with pytest.raises(DataError, match=rf"a\.tar\.xz: .*{line}"):
        unpack(tmp_path / "a.tar.xz", target, max_bytes=1_000_000)
    assert list(target.iterdir()) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.xz", "deep", "target"]


def test_what_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "cable").mkdir()
    (tmp_path / "cable" / "mine.txt").write_text("mine")
    (tmp_path / "a.tar.xz").write_bytes(archive(CABLE))
    unpack(tmp_path / "a.tar.xz", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.xz", "cable", "license.txt"]
    assert [path.name for path in (tmp_path / "cable").iterdir()] == ["mine.txt"]


def test_a_category_s_name_in_the_address_hides_no_category(tmp_path: Path, publisher: Publisher) -> None:
    """The archive had that name, so that the category of that name was not unpacked."""
    settings = {"url": publisher.url.replace("mvtec.tar.xz", "cable"), "sha256": sha256(publisher.content)}
    assert len(mvtec(tmp_path, "cable", download=True, accept_licence=True, **settings).test) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cable", "license.txt"]


@pytest.mark.parametrize("digest", [None, "", "abc", "g" * 64, 5])
def test_what_is_no_sha256_is_refused_before_anything_is_asked(
    digest: Any, tmp_path: Path, publisher: Publisher
) -> None:
    with pytest.raises(DataError, match=r"^data\.sha256=.* must be the 64 digits that sha256sum prints"):
        download_mvtec(tmp_path, accept_licence=True, url=publisher.url, sha256=digest)
    assert publisher.asked == []


@pytest.mark.parametrize("name", ["mvtec.tar.xz.part", "mvtec.tar.xz.url"])
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_in_the_place_of_the_download_is_not_followed(
    name: str, link: Callable[[Path, Path], None], tmp_path: Path, publisher: Publisher
) -> None:
    mine, root = tmp_path / "mine", tmp_path / "root"
    root.mkdir()
    mine.write_bytes(b"mine")
    link(root / name, mine)
    with pytest.raises(DataError, match=rf"{name}: a link, or no regular file, where the download writes; delete it"):
        download_mvtec(root, accept_licence=True, url=publisher.url, sha256=sha256(publisher.content))
    assert mine.read_bytes() == b"mine"


def test_a_user_s_own_text_with_the_address_s_name_stays(tmp_path: Path, publisher: Publisher) -> None:
    (tmp_path / "readme.txt").write_text("mine")
    url = publisher.url.replace("mvtec.tar.xz", "readme.txt")
    download_mvtec(tmp_path, accept_licence=True, url=url, sha256=sha256(publisher.content))
    assert (tmp_path / "readme.txt").read_text() == "mine"


def test_an_archive_that_brings_nothing_new_is_kept_and_named(tmp_path: Path, publisher: Publisher) -> None:
    publisher.content = archive({})
    with pytest.raises(DataError, match=r"mvtec\.tar\.xz: nothing in it that .* does not have; is it the right"):
        download_mvtec(tmp_path, accept_licence=True, url=publisher.url, sha256=sha256(publisher.content))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mvtec.tar.xz", "mvtec.tar.xz.url"]


def test_two_processes_do_not_fetch_to_one_folder(tmp_path: Path, publisher: Publisher) -> None:
    settings = {"url": publisher.url, "sha256": sha256(publisher.content)}
    with held(tmp_path), pytest.raises(DataError, match="another process fetches MVTec AD to it"):
        download_mvtec(tmp_path, accept_licence=True, **settings)
    download_mvtec(tmp_path, accept_licence=True, **settings)


def test_what_does_not_fit_is_refused_before_it_is_fetched(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=r"more bytes arrive and 10 are free; choose another data\.root="):
        fetch(publisher.url, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_category_is_named_before_the_download(tmp_path: Path, publisher: Publisher) -> None:
    (tmp_path / "cable").symlink_to("nowhere")
    with pytest.raises(DataError, match="cable is no folder: move it away"):
        mvtec(tmp_path, "cable", download=True, accept_licence=True, url=publisher.url)
    assert publisher.asked == []


@pytest.mark.parametrize(
    "place", ["ftp://127.0.0.1/a", "http://bob:geheim@127.0.0.1/a", "http://[::1/", "file:///etc/passwd"]
)
def test_a_server_leads_nowhere_but_to_the_web(place: str, tmp_path: Path, publisher: Publisher) -> None:
    publisher.status, publisher.location = 302, place
    with pytest.raises(DataError, match=r"data\.url|connection lost") as refused:
        fetch(publisher.url, tmp_path / "a")
    assert "geheim" not in str(refused.value)


def test_an_archive_that_is_encoded_on_its_way_is_refused(tmp_path: Path, publisher: Publisher) -> None:
    publisher.encoding = "gzip"
    with pytest.raises(DataError, match=r"encodes the archive on its way \(gzip\)"):
        fetch(publisher.url, tmp_path / "a")
