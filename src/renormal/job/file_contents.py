"""SHA-256 of what the files of a data set hold: an edited mask or photograph may keep its name and size."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from renormal.data import Item, Source
from renormal.job.digests import digest, digest_of_file

WORKERS = 8  # ours: files of a network file system are waited for side by side
KEPT = 1_000_000  # files whose digests a process remembers, ours


def contents(source: Source, items: Iterable[Item]) -> str:
    """16 hexadecimal digits for names, labels and contents. 0.1 s of a core for 100 MB."""
    items = list(items)
    files = [path for item in items for path in (item.image, item.mask) if path is not None]
    with ThreadPoolExecutor(WORKERS) as pool:
        digests = dict(zip(files, pool.map(_digest, files), strict=True))
    named = [
        [item.defect, *([path.relative_to(source.root).as_posix(), digests[path]] for path in item[:2] if path)]
        for item in items
    ]
    return digest(named)[:16]


def _digest(path: Path) -> str:
    stat = path.stat()
    return _known(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@lru_cache(KEPT)
def _known(path: Path, *stat: int) -> str:
    return digest_of_file(path)
