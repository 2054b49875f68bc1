"""Text for a terminal, for a spreadsheet, and without passwords."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renormal.console.text import cell, counted, is_secret, printable, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("µ ± 0.1 → wood", "µ ± 0.1 → wood"),
        ("\x1b[2Jred", "\\x1b[2Jred"),
        ("two\nlines\r\x07\x00", "two\\nlines\\r\\x07\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("half \udc80", "half \\udc80"),
        ("\x9b31m", "\\x9b31m"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👨🏽\u200d👩\u200d👧 ❤\ufe0f\u200d🔥", "👨🏽\u200d👩\u200d👧 ❤\ufe0f\u200d🔥"),
        ("good\u200d", "good\\u200d"),
        ("\u200c", "\\u200c"),
        ("می\u200c\u200cخ", "می\u200c\\u200cخ"),
        ("1\u200d2 \u200d", "1\\u200d2 \\u200d"),
    ],
)
def test_commands_of_a_terminal_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_printable_text_is_one_line_that_any_terminal_takes(text: str) -> None:
    shown = printable(text)
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert printable(shown) == shown


@given(
    st.text(min_size=1)
    | st.sampled_from(["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "＝1", "a;=1;+2"])
)
def test_no_cell_is_a_formula_and_its_text_can_be_had_back(text: str) -> None:
    line = io.StringIO()
    csv.writer(line).writerow([cell(text)])
    ((found,),) = csv.reader(io.StringIO(line.getvalue(), newline=""))
    assert all(part[:1] not in [*"=+-@\t\r\n＝＋－＠"] for part in found.split(";"))  # some countries' cells end there
    assert re.sub("(^|;)'", r"\1", found) == re.sub("(^|;)'", r"\1", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/a.tar", "https://…@host/a.tar"),
        ("get https://token@host:8080/a and ssh://me@other/b", "get https://…@host:8080/a and ssh://…@other/b"),
        ("https://me:p@ss/w#rd@host/a", "https://…@host/a"),
        ("postgresql+psycopg://me:pass@localhost/optuna", "postgresql+psycopg://…@localhost/optuna"),
        ("https://host/a.zip?Expires=1&Signature=ab%2B&x=2", "https://host/a.zip?Expires=1&Signature=…&x=2"),
        ("https://host/a?access_token=abc", "https://host/a?access_token=…"),
        (
            "https://host/a?X-Amz-Credential=A/b&X-Amz-Signature=ff",
            "https://host/a?X-Amz-Credential=…&X-Amz-Signature=…",
        ),
        ("https://host/a?sig=ab#key=cd", "https://host/a?sig=…#key=…"),
        ("https://host:443/@scope/a@2x.png?tokens", "https://host:443/@scope/a@2x.png?tokens"),
        ("me@host.org, 3 @ 5", "me@host.org, 3 @ 5"),
    ],
)
def test_a_url_is_shown_without_name_password_and_tokens(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@given(st.text("abcXYZ019:%.!$&'()*+,;=-_~@", min_size=1), st.sampled_from(["https", "s3", "postgresql+psycopg2"]))
def test_no_password_of_any_url_is_shown(password: str, scheme: str) -> None:
    assert without_secrets(f"from {scheme}://me:{password}@host/x") == f"from {scheme}://…@host/x"


@pytest.mark.parametrize("part", ["://a:", "://", "?token", "&a", "://a:1/", "@", "://me:a@"])
def test_the_time_is_linear_in_the_length(part: str) -> None:
    """Of a backtracking expression it would be hours."""
    assert len(without_secrets(part * 40_000)) > 0


def test_keys_that_hold_secrets_are_known() -> None:
    assert all(map(is_secret, ["password", "api_key", "apikey", "wandb_token", "secret", "credentials"]))
    assert all(map(is_secret, ["ssh-password", "userPassword", "accessToken", "Authorization", "api-key"]))
    assert not any(map(is_secret, ["key", "tokens", "monkey", "token_size", "secretary", "weight"]))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (1.0, "1 step"), (0.95, "0.95 steps")]
)
def test_a_number_of_one_has_no_plural(count: float, text: str) -> None:
    assert counted(count, "step") == text
