"""Settings of loggers: conf/logger/*.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict

from renormal.settings.kinds import Count, Inner, Name
from renormal.settings.objects import Object, OneOf


class CSV(Object):
    targets = ("lightning.pytorch.loggers.CSVLogger",)
    save_dir: Annotated[str, "Folder of the log."]
    name: Annotated[Inner, "Folder below it."]
    version: Annotated[Inner | None, "Folder below that; null: the next number."]
    prefix: Annotated[str, "Of the names of numbers."]
    flush_logs_every_n_steps: Annotated[Count, "Steps between two writes."]


class TensorBoard(Object):
    model_config = ConfigDict(extra="allow")  # SummaryWriter has further ones
    targets = ("renormal.boards.board.TensorBoardBoard",)
    save_dir: Annotated[str, "Folder of the log."]
    name: Annotated[Inner, "Folder below it."]
    version: Annotated[Inner | None, "Folder below that; empty: none."]
    default_hp_metric: Annotated[bool, "Whether a number without meaning stands for the settings."]


class Wandb(Object):
    targets = ("renormal.boards.wandb_board.WandbBoard",)
    save_dir: Annotated[str, "Folder of the run."]
    project: Annotated[Name, "Of wandb."]
    entity: Annotated[Name | None, "The user or team; null: the owner of the key."]
    group: Annotated[Name | None, "Jobs with one group belong together; null: none."]
    name: Annotated[Name, "Of the run."]
    tags: Annotated[list[Name], "Of the run."]
    id: Annotated[Name | None, "Of the run; null: from the folder and the config."]
    mode: Annotated[Literal["auto", "online", "offline", "disabled"], "auto: online with a key, else offline."]
    pictures_in_rows: Annotated[bool, "true: panels inside the table of samples."]


LOGGER = OneOf("a logger: choose with logger=", (CSV, TensorBoard, Wandb))
