"""MVTec AD from its publisher: download that can resume, SHA-256 check, safe unpacking.

Not pooch (1.9): it deletes what it has when a connection breaks, and begins 5 GB anew.
"""

from __future__ import annotations

import errno
import hashlib
import lzma
import tarfile
import tempfile
import time
import zlib
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from renormal.data.source import DataError

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
PAUSE = 2.0  # seconds before the next attempt, ours
TIMEOUT = 60.0  # seconds without a byte, ours
MAX_MEMBERS = 50_000  # files and folders in the archive; MVTec AD has about 6 800, ours
MAX_BYTES = 20 * 10**9  # unpacked; MVTec AD has about 5.3 GB, ours
HEAD = 512  # bytes that show what a file is; a tar has its first header there
DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG})


class Progress(NamedTuple):
    """How far a download is."""

    done: int
    total: int | None  # None where the server does not say


def download_mvtec(root: Path, *, accept_licence: bool, url: str = ARCHIVE_URL, sha256: str = ARCHIVE_SHA256) -> None:
    """Fetch the archive to `root` and unpack it there; a broken download goes on where it stopped."""
    if not accept_licence:
        raise DataError(f"MVTec AD is licensed {LICENCE}: read {PAGE} and set data.accept_licence=true to fetch it")
    if not url.startswith(("http://", "https://")):
        raise DataError(f"data.url={url} must start with http:// or https://")
    archive = root / (PurePosixPath(urlsplit(url).path).name or "archive.tar")
    origin = archive.with_name(archive.name + ".url")  # of an archive that was fetched here
    try:
        root.mkdir(parents=True, exist_ok=True)
        discard_text(archive)
        if not archive.exists() or (from_elsewhere(origin, url) and sha256_of(archive) != sha256.lower()):
            fetch(url, archive)
            origin.write_text(url, encoding="utf-8")
        check(archive, sha256)
        unpack(archive, root)
        archive.unlink()
        origin.unlink(missing_ok=True)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{root}: cannot store MVTec AD there ({error}); choose another data.root=") from error


def from_elsewhere(origin: Path, url: str) -> bool:
    """Whether the archive was fetched from another link. One that the user put there has no file with a link."""
    return origin.is_file() and origin.read_text(encoding="utf-8") != url


def fetch(url: str, target: Path) -> None:
    """Fetch `url` to `target` through `<target>.part`; bytes that are there are not fetched again."""
    part = target.with_name(target.name + ".part")
    discard_text(part)
    most, failures = _size(part), 0
    while failures < ATTEMPTS:
        try:
            done, total = _append(url, part)
        except (OSError, HTTPException) as error:
            reason = _why_retry(error, url)
        else:
            if total is None or done >= total:
                part.replace(target)
                return
            reason = f"{done} of {total} bytes arrived"
        failures = 1 if _size(part) > most else failures + 1
        most = max(most, _size(part))
        time.sleep(PAUSE)
    raise DataError(f"{url}: connection lost ({reason}); run the same command again to go on from {part}")


def _why_retry(error: OSError | HTTPException, url: str) -> str:
    """The reason for another attempt. A full disk and a wrong link raise: another attempt would not help."""
    if isinstance(error, HTTPError):
        error.close()
        if error.code < 500:
            mend = f"the link may have changed: set data.url to the one on {PAGE}"
            raise DataError(f"{url}: {error}; {mend}") from error
    if isinstance(error, OSError) and error.errno in DISK:
        raise error
    return str(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path) -> Progress:
    """Add to `part` what one connection gives. Begin anew if the server cannot resume."""
    have = _size(part)
    try:
        response = urlopen(Request(url, headers={"Range": f"bytes={have}-"} if have else {}), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416:  # 416: nothing follows byte `have`
            raise
        return _nothing_follows(error, part)
    with response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        first = response.read(CHUNK)
        if not start and (what := not_an_archive(first, total)):
            raise DataError(f"{url}: {what} arrived, not an archive: set data.url to the link on {PAGE}")
        bar = tqdm(desc=part.stem, total=total, initial=start, unit="B", unit_scale=True, disable=None)
        with part.open("ab" if resumed else "wb") as file, bar:
            chunk = first
            while chunk:
                file.write(chunk)
                bar.update(len(chunk))
                chunk = response.read(CHUNK)
    return Progress(_size(part), total)


def not_an_archive(first: bytes, total: int | None) -> str:
    """What a server sent in place of an archive, from the first bytes; "" for anything that may be an archive.

    total: bytes of the whole file. 0 bytes of a longer file are a broken connection.
    """
    if not first:
        return "" if total else "an empty file"
    head = first[:HEAD]
    if not is_text(head):
        return ""
    start = head.decode(errors="replace").lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return "a web page"
    return f"a text ({' '.join(start.split())[:80]})"


def is_text(head: bytes) -> bool:
    """Whether bytes are UTF-8 without zeros. Every tar has zeros, and no header of a compressed file is UTF-8."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head  # the last character is cut
    return b"\0" not in head


def discard_text(path: Path) -> None:
    """Delete a file that is empty or a text: a web page that an earlier version kept, not an archive."""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(HEAD)
        if is_text(head):
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
    if found != sha256.lower():
        mend = "delete it and run again, or set data.sha256 if you know that this archive is right"
        raise DataError(f"{archive}: SHA-256 is {found}, expected {sha256.lower()}; {mend}")


def sha256_of(archive: Path) -> str:
    digest = hashlib.sha256()
    bar = tqdm(desc="checking", total=_size(archive), unit="B", unit_scale=True, disable=None, leave=False)
    with archive.open("rb") as file, bar:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Unpack all or nothing: into a temporary folder, then moved. What the target has already stays as it is."""
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target) as temporary:
        try:
            _extract(archive, Path(temporary), max_bytes)
        except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
            raise DataError(f"{archive}: damaged archive ({error}); delete it and run again") from error
        for entry in sorted(Path(temporary).iterdir()):
            if not (target / entry.name).exists():
                entry.rename(target / entry.name)


def _extract(archive: Path, folder: Path, max_bytes: int) -> None:
    unpacked = 0
    with tarfile.open(archive) as tar, tqdm(desc="unpacking", unit="file", disable=None) as bar:
        for count, member in enumerate(tar):
            unpacked += member.size
            if count >= MAX_MEMBERS or unpacked > max_bytes:
                raise DataError(
                    f"{archive}: more than {MAX_MEMBERS} files or {max_bytes} bytes inside; do not trust it"
                )
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
                raise DataError(f"{archive}: {member.name} is a link or leaves the folder; do not trust this archive")
            tar.extract(member, folder, filter="data")
            bar.update()
