"""MVTec AD from its publisher: a download that can resume. Not pooch (1.9): it deletes what it has when it breaks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError

from tqdm import tqdm

from renormal.data import web
from renormal.data.source import DataError
from renormal.data.unpack import MAX_BYTES, PREFIX, unpack
from renormal.files import naming

LICENCE = "CC BY-NC-SA 4.0 (https://creativecommons.org/licenses/by-nc-sa/4.0/, no commercial use)"
PAGE = "https://www.mvtec.com/company/research/datasets/mvtec-ad"
# The publisher's link to all 15 categories (5 264 982 680 bytes). It has changed before; PAGE has the current one.
ARCHIVE_URL = (
    "https://www.mydrive.ch/shares/150996/b52ecdcbf521176e9db9c731f2304b27/"
    "download/420938113-1629960298/mvtec_anomaly_detection.tar.xz"
)
# As anomalib publishes it: DOWNLOAD_INFO in src/anomalib/data/datamodules/image/mvtecad.py.
ARCHIVE_SHA256 = "cf4313b13603bec67abb49ca959488f7eedce2a9f7795ec54446c649ac98cd3d"

CHUNK = 1 << 20  # bytes read at a time, ours
ATTEMPTS = 5  # broken connections in a row before giving up, ours
TRIES = 100  # connections for each web.LEAST bytes, ours: a server may send a byte through each
PAUSE = 2.0  # seconds before the next attempt, ours
DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG})
log = logging.getLogger("renormal")


class Progress(NamedTuple):
    """How far a download is."""

    done: int
    total: int | None  # None where the server does not say


def download_mvtec(root: Path, *, accept_licence: bool, url: str = ARCHIVE_URL, sha256: str = ARCHIVE_SHA256) -> None:
    """Fetch the archive to `root` and unpack it there; a broken download goes on where it stopped."""
    if not accept_licence:
        raise DataError(f"MVTec AD is licensed {LICENCE}: read {PAGE} and set data.accept_licence=true to fetch it")
    url, digest = web.address(url), str(sha256).strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise DataError(f"data.sha256={sha256} must be the 64 digits that sha256sum prints for the archive at data.url")
    archive = root / web.archive_name(url)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with held(root):
            bring(url, archive, digest)
            if not unpack(archive, root):
                raise DataError(f"{archive}: nothing in it that {root} does not have; is it the right archive?")
            archive.unlink()
            origin_of(archive).unlink(missing_ok=True)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{root}: cannot store MVTec AD there ({error}); choose another data.root=") from error


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the folder for this process: two that fetch to one folder would write into one file."""
    number = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(number)
        raise DataError(f"{root}: another process fetches MVTec AD to it: run again when that has ended") from error
    except OSError:  # a file system without locks
        log.debug("no lock on %s", root, exc_info=True)
    try:
        for left in root.glob(f"{PREFIX}*"):  # of a killed process
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
        yield
    finally:
        os.close(number)


def bring(url: str, archive: Path, sha256: str) -> None:
    """Leave the archive of this link in its place, checked. One that the user has put there is not fetched."""
    if archive.exists() and not archive.is_file():
        raise DataError(f"{archive}: no regular file, where the archive goes; move it away")
    discard_text(archive)
    origin = origin_of(archive)
    check_own(origin)
    other = origin.is_file() and origin.read_bytes() != url.encode()
    if not archive.exists() or (other and sha256_of(archive) != sha256):
        fetch(url, archive)
        origin.write_text(url, encoding="utf-8")
    check(archive, sha256)


def origin_of(archive: Path) -> Path:
    """The file with the link of an archive that was fetched here."""
    return archive.with_name(archive.name + ".url")


def check_own(path: Path) -> None:
    """Raise DataError for a file of the download that is a link or a device: its target must not change."""
    if os.path.lexists(path):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise DataError(f"{path}: a link, or no regular file, where the download writes; delete it")


def fetch(url: str, target: Path) -> None:
    """Fetch `url` to `target` through `<target>.part`; bytes that are there are not fetched again."""
    part = target.with_name(target.name + ".part")
    check_own(part)
    discard_text(part)
    most, failures, tries = _size(part), 0, 0
    while failures < ATTEMPTS and tries < TRIES + most // web.LEAST:
        try:
            done, total = _append(url, part)
        except DataError:
            raise
        except (OSError, HTTPException, ValueError) as error:  # ValueError: http.client's, for odd answers
            reason, slow = _why_retry(error, url, part), isinstance(error, TimeoutError)
        else:
            if total is None or done >= total:
                part.replace(target)
                return
            reason, slow = f"{done} of {total} bytes arrived", False
        failures = 1 if _size(part) - most > (web.LEAST if slow else 0) else failures + 1
        most, tries = max(most, _size(part)), tries + 1
        log.info("%s: %s; attempt %d of %d failed", web.without_query(url), reason, failures, ATTEMPTS)
        time.sleep(PAUSE)
    raise DataError(
        f"{web.without_query(url)}: connection lost ({reason}); run the same command again to go on from {part}"
    )


def _why_retry(error: Exception, url: str, part: Path) -> str:
    """The reason for another attempt. A full disk and a wrong link raise: another attempt would not help."""
    if isinstance(error, HTTPError):
        error.close()
        if error.code < 500 and error.code not in web.AGAIN:
            mend = f"the link may have changed: set data.url to the one on {PAGE}"
            raise DataError(f"{web.without_query(url)}: {web.reason_of(error)}; {mend}") from error
    elif isinstance(error, web.OtherBytesError):
        part.unlink(missing_ok=True)  # the next attempt asks for the whole file
    elif isinstance(error, OSError) and (error.errno in DISK or error.filename):  # named files are on the disk
        raise error
    return web.reason_of(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path) -> Progress:
    """Add to `part` what one connection gives. Begin anew if the server cannot resume."""
    have = _size(part)
    try:
        response = web.ask(url, have)
    except HTTPError as error:
        if error.code != 416 or not have:  # 416: nothing follows byte `have`
            raise
        return _nothing_follows(error, part)
    with response:
        start, total = web.extent(response.status, response.headers, have)
        check_fits(web.without_query(url), part, total, response.headers.get("Content-Encoding") or "identity")
        first = response.read(web.HEAD)
        if not start and (what := web.not_an_archive(first, total)):
            raise DataError(
                f"{web.without_query(url)}: {what} arrived, not an archive: set data.url to the link on {PAGE}"
            )
        bar = tqdm(desc=part.stem, total=total, initial=start, unit="B", unit_scale=True, disable=None)
        with part.open("ab" if start else "wb") as file, bar:
            _copy(response, first, file, bar)
    return Progress(_size(part), total)


def _copy(response: Any, first: bytes, file: IO[bytes], bar: tqdm[Any]) -> None:
    chunk = first
    while chunk:
        with naming(Path(file.name)):
            file.write(chunk)
        bar.update(len(chunk))
        if file.tell() > MAX_BYTES:
            Path(file.name).unlink()
            raise DataError(f"{file.name}: more than {MAX_BYTES} bytes arrived; is data.url right?")
        chunk = response.read1(CHUNK)


def check_fits(url: str, part: Path, total: int | None, encoding: str) -> None:
    """Raise DataError before the download for what could not be stored, or would be other bytes than the archive's."""
    if encoding.strip().lower() != "identity":
        raise DataError(f"{url}: the server encodes the archive on its way ({encoding[:20]}): fetch it yourself")
    needed, free = (total or 0) - _size(part), shutil.disk_usage(part.parent).free
    if (total or 0) > MAX_BYTES:
        raise DataError(f"{url}: {total} bytes, more than the {MAX_BYTES} that are taken; is data.url right?")
    if needed > free:
        raise DataError(f"{part.parent}: {needed} more bytes arrive and {free} are free; choose another data.root=")


def discard_text(path: Path) -> None:
    """Delete a file that is empty or a text: a web page that an earlier version kept, not an archive."""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(web.HEAD)
        if web.is_text(head):
            path.unlink()


def _nothing_follows(error: HTTPError, part: Path) -> Progress:
    """The part is the whole file; or it is longer, so it is of another file and deleted."""
    have = _size(part)
    with error:
        if error.headers.get("Content-Range", "") != f"bytes */{have}":
            part.unlink()
            return Progress(0, have)
    return Progress(have, have)


def check(archive: Path, sha256: str) -> None:
    """Raise DataError unless the archive has this SHA-256."""
    found = sha256_of(archive)
    if found != sha256:
        mend = "delete it and run again, or set data.sha256 if you know that this archive is right"
        raise DataError(f"{archive}: SHA-256 is {found}, expected {sha256}; {mend}")


def sha256_of(archive: Path) -> str:
    digest = hashlib.sha256()
    bar = tqdm(desc="checking", total=_size(archive), unit="B", unit_scale=True, disable=None, leave=False)
    with archive.open("rb") as file, bar:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()
