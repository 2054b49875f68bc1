"""Settings of loggers: conf/logger/*.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from renormal.console.text import is_printable
from renormal.settings.kinds import Count, Inner, Name, Place, Words, refusing
from renormal.settings.objects import Object, OneOf

RunName = Annotated[  # a part of the name of a folder
    str,
    refusing(lambda text: is_printable(text) and 0 < len(text.encode()) <= 128),
    Words("printable text of at most 128 bytes"),
]


class CSV(Object):
    targets = ("lightning.pytorch.loggers.CSVLogger",)
    save_dir: Annotated[Place, "Folder of the log."]
    name: Annotated[Inner, "Folder below it."]
    version: Annotated[Inner | None, "Folder below that; null: the next number."]
    prefix: Annotated[str, "Of the names of numbers."]
    flush_logs_every_n_steps: Annotated[Count, "Steps between two writes."]


class TensorBoard(Object):
    targets = ("renormal.boards.board.TensorBoardBoard",)
    save_dir: Annotated[Place, "Folder of the log."]
    name: Annotated[Inner, "Folder below it."]
    version: Annotated[Inner | None, "Folder below that; empty: none."]
    default_hp_metric: Annotated[bool, "Whether a number without meaning stands for the settings."]
    sub_dir: Annotated[Inner, "Folder below that."]
    prefix: Annotated[str, "Of the names of numbers."]
    max_queue: Annotated[Count, "Numbers that wait to be written."]
    flush_secs: Annotated[Count, "Seconds between two writes."]


class Wandb(Object):
    targets = ("renormal.boards.wandb_board.WandbBoard",)
    save_dir: Annotated[Place, "Folder of the run."]
    project: Annotated[Name, "Of wandb."]
    entity: Annotated[Name | None, "The user or team; null: the owner of the key."]
    group: Annotated[Name | None, "Jobs with one group belong together; null: none."]
    name: Annotated[Name, "Of the run."]
    tags: Annotated[list[Name], "Of the run."]
    id: Annotated[RunName | None, "Of the run; null: from the folder and the config."]
    mode: Annotated[Literal["auto", "online", "offline", "disabled"], "auto: online with a key, else offline."]
    pictures_in_rows: Annotated[bool, "true: panels inside the table of samples."]


LOGGER = OneOf("a logger: choose with logger=", (CSV, TensorBoard, Wandb))
