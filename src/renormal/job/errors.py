"""An error as one line for the user."""

from __future__ import annotations


def in_one_line(error: BaseException) -> str:
    """The message without a traceback; with the name of its type if the message was not written for the user."""
    error = first_cause(error)
    text = " ".join(str(error).split())
    return text if is_for_the_user(error) else f"{type(error).__name__}: {text}"


def first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None and type(error).__name__ == "InstantiationException":
        error = error.__cause__
    return error


def is_for_the_user(error: BaseException) -> bool:
    """Whether its message was written for the user: true for ValueError itself and for subclasses in renormal."""
    kind = type(first_cause(error))
    return kind is ValueError or (issubclass(kind, ValueError) and kind.__module__.startswith("renormal."))
