"""The examination of the photographs before the work of a job: its lines, its picture, its table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from renormal.data import Source
from renormal.files import shown, whole_file, write_whole
from renormal.job.rank import is_rank_zero

SHEET, TABLE = "examination.png", "examination.csv"  # in the folder of the job
NOTHING = "%s: %d photographs were compared: no copies, none unlike the others"
log = logging.getLogger("renormal")


def examined(config: DictConfig, source: Source, bits: int) -> dict[str, Any]:
    """{"examination": …} for the record; {} where data.examine is not true. The first rank logs and writes the files.

    Raises DataError for what makes the result wrong.
    """
    if not config.data.get("examine", False):
        return {}
    from renormal.data.contact_sheet import contact_sheet
    from renormal.data.examination import examine, table
    from renormal.data.unlike import FEW

    found = examine(source, bits=bits, fixed=config.get("continue") is not None)
    sheet = contact_sheet(source, found, bits=bits)
    entry = {"lines": list(found.lines), "sheet": SHEET if sheet else ""}
    if is_rank_zero():
        folder = Path(config.folder)
        for name in (SHEET, TABLE):
            (folder / name).unlink(missing_ok=True)  # of a job before
        for line in found.lines:
            log.warning("%s", line)
        if not found.lines and len(source.items) >= FEW:
            log.info(NOTHING, source.name, len(source.items))
        if found.rows:
            write_whole(folder / TABLE, table(found))
            log.info("%s lists all of them", shown(folder / TABLE))
        if sheet:
            with whole_file(folder / SHEET) as file:
                sheet.save(file, "PNG", optimize=True)
            log.info("%s shows the odd ones", shown(folder / SHEET))
    return {"examination": entry}
