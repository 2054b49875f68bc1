"""Pictures of a whole job that lie beside its record: what a network was shown, what settings were chosen on."""

from __future__ import annotations

import base64
import io

from PIL import Image

from renormal.report.record import Record
from renormal.report.repairs import repairs
from renormal.report.strips import picture_path

SHEETS = {  # by file beside the record
    "panels/damage.png": "Good images; below them the damage that the network learned to undo, each above its cover",
    "panels/samples.png": "New images: above from N(0, I), below from the second stage",
    "planted.png": "Defects planted on good images, on which settings were chosen, each beside its outline",
}
WIDTH, QUALITY = 900, 75  # px at most; WebP


def sheets(record: Record) -> list[tuple[str, str]]:
    """(caption, data URI) of each that is there and can be read."""
    found = []
    holes = {entry["file"]: f"{kind}: {', '.join(entry['columns'])}" for kind, entry in repairs(record).items()}
    for file, caption in (SHEETS | {file: f"Holes repaired, {which}" for file, which in holes.items()}).items():
        try:
            with Image.open(picture_path(record, file)) as picture:
                found.append((caption, embedded(picture.convert("RGB"))))
        except (OSError, ValueError):  # most jobs have none
            continue
    return found


def embedded(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
