"""The error of a score that a model cannot answer."""

from __future__ import annotations


class UnsuitedError(ValueError):
    """Says which model the score needs, and ends in the mend.

    models: what `model=` may be. lack: the line without the mend, for a network that cannot be exchanged.
    """

    def __init__(self, models: str, lack: str) -> None:
        super().__init__(f"{lack}; set model={models}, or another score")
        self.lack = lack
