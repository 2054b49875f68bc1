"""Pictures of a whole job, from the folder of its record: damage, samples, odd photographs, planted defects."""

from __future__ import annotations

import base64
import io

from PIL import Image

from renormal.report.record import Record
from renormal.report.repairs import repairs
from renormal.report.strips import MissingError, picture_path, read_picture, unreadable

PLANTED = "Defects planted on good images to choose settings, each next to its outline"
SHEETS = {  # file in the folder of the record → caption
    "panels/damage.png": "Training damage. First row: good images; below, in pairs: damaged image, damaged pixels",
    "panels/samples.png": "New images from z ~ N(0, I), upper half, and from the second stage, lower half",
    "examination.png": "Good photographs that are unlike the others: their names, and why; the first ones are typical",
    "planted.png": PLANTED,
}
WIDTH, QUALITY = 900, 75  # largest width in pixels; WebP


def sheets(record: Record) -> list[tuple[str, str]]:
    """(caption, data URI) of each picture that exists and can be read."""
    found = []
    holes = {entry["file"]: f"{kind}: {', '.join(entry['columns'])}" for kind, entry in repairs(record).items()}
    for file, caption in (SHEETS | {file: f"Holes repaired, {which}" for file, which in holes.items()}).items():
        try:
            found.append((caption, embedded(read_picture(picture_path(record, file), "RGB"))))
        except MissingError:  # most jobs do not write them
            continue
        except ValueError as error:
            unreadable(error)
    return found


def embedded(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
