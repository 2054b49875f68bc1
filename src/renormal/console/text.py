"""Text that is safe to show: on a terminal, in a cell of a spreadsheet, and without passwords."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"  # without width: Persian, Hindi and some emoji are written with them
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # first characters of a formula or a command
INNER = re.compile(rf"(?<=;)(?=[{''.join(map(re.escape, FORMULA))}])")  # a cell may begin there
HIDDEN = "…"  # in the place of a secret
SECRET = (  # the bounds keep the time linear
    r"[\w.-]{0,64}(?:token|passw(?:or)?d|pwd|secret|signature|credential|api_?key|access_?key)[\w.-]{0,64}|sig|key|auth"
)
USER = re.compile(
    r"(?<=://)(?:[^\s/@:]{0,1000}:(?!\d+(?:/|$))\S{0,1000}|[^/?#\s]{0,1000})@"
)  # name and password of a URL
QUERY = re.compile(rf"(?<=[?&;#])({SECRET})=(?:(?!:\s)[^&;#\s'\"])+", re.IGNORECASE)
KEY = re.compile(
    r".*(?:passw(?:or)?d|passphrase|secret|(?:api|access|private)[_-]?key|credentials?|authorization)"
    r"|(?:.*[_-])?(?:(?:access|auth|api|refresh|bearer)?token|pwd|auth)",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """The text in one line. Line ends, lone surrogates and commands of a terminal become escapes, as in \\x1b."""
    if text.isascii() and text.isprintable():
        return text
    pairs = zip(f" {text}", text, strict=False)
    return "".join(_escaped(sign) if _is_control(sign, before) else sign for before, sign in pairs)


def counted(count: float, noun: str) -> str:
    """1 step, 2 steps, 1.5 steps: noun is one of them."""
    number = f"{count:.4g}" if isinstance(count, float) else str(count)
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def readable(name: str) -> str:
    """A key as readers write it: pixel_auroc → pixel AUROC."""
    if name == "mean_of_three":
        return "mean of pixel AUROC, AUPRO and image AUROC"
    spaced = name.replace("_", " ")
    for short in ("auroc", "aupro", "aupimo", "f1"):
        spaced = spaced.replace(short, short.upper())
    return spaced


def is_printable(text: str) -> bool:
    """Whether `printable` leaves the text as it is. str.isprintable refuses Persian words and families of emoji."""
    return printable(text) == text


def is_below(path: str) -> bool:
    """Whether the path leads to a folder below the one that it starts from: each part of it is a name."""
    return all(part not in ("", ".", "..", "~") for part in path.split("/"))


def _is_control(sign: str, before: str) -> bool:
    if sign in JOINERS:  # after a letter of such a script, an emoji, or what belongs to it; elsewhere it hides
        return before.isascii() or unicodedata.category(before)[0] not in "LMS"
    category = unicodedata.category(sign)
    return category in ("Zl", "Zp") or category[0] == "C"


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: an apostrophe goes before one."""
    return INNER.sub("'", f"'{text}" if text.startswith(FORMULA) else text)


def without_secrets(text: str) -> str:
    """The text with … in place of the name and password of a URL, and of tokens among its arguments."""
    return QUERY.sub(rf"\1={HIDDEN}", USER.sub(f"{HIDDEN}@", text))


def is_secret(key: str) -> bool:
    """Whether a key of a config, such as api_key, has a secret as its value."""
    return KEY.fullmatch(key) is not None
