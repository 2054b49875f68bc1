"""Numbers on a command line and in a query: in ASCII digits, or one line."""

from __future__ import annotations

import ast
import importlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renormal.console.numbers import NumberError, decimal, whole

ROOT = Path(__file__).parents[1]
OTHER = [
    "1_0",
    "1__0",
    "_1",
    "٣",
    "１",
    "१",
    "²",
    "½",
    " 5",
    "5 ",
    "5\n",
    "\u00a05",
    "0x10",
    "1,5",
    "ten",
    "",
    "-",
    "1-",
]
OTHER += ["nan", "inf", "-inf", "infinity", "1e", "e5", "1e999", "9" * 5000, "\0", "\udcff", "--5", "1j", "True"]
OPTIONS = [
    *(("inspect.predict", ["run", "a.png", "--out", "o"], option) for option in ("--workers", "--threshold")),
    *(("inspect.predict", ["run", "a.png", "--out", "o"], option) for option in ("--false-alarms", "--part")),
    *(("inspect.view", ["run"], option) for option in ("--port", "--false-alarms")),
    *(("inspect.export", ["run"], option) for option in ("--steps", "--false-alarms")),
]


@pytest.mark.parametrize("text", ["0", "7", "-7", "+7", "007", "123456789012345678"])
def test_digits_are_a_whole_number(text: str) -> None:
    assert whole(text) == int(text)
    assert decimal(text) == float(text)


@pytest.mark.parametrize(("text", "value"), [("0.05", 0.05), (".5", 0.5), ("5.", 5.0), ("-1e-3", -0.001), ("1E5", 1e5)])
def test_a_point_and_an_exponent_are_a_number(text: str, value: float) -> None:
    assert decimal(text) == value
    with pytest.raises(NumberError, match="is no whole number: write it in digits"):
        whole(text)


@pytest.mark.parametrize("text", OTHER)
def test_what_python_takes_beside_them_is_no_number(text: str) -> None:
    for read in (whole, decimal):
        with pytest.raises(NumberError) as refused:
            read(text)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", [text for text in OTHER if not text.startswith("-")])
@pytest.mark.parametrize(("command", "others", "option"), OPTIONS)
def test_every_number_of_a_command_line_is_read_so(
    command: str, others: list[str], option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"renormal.{command}").parse([*others, f"{option}={text}"])
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert f"argument {option}: " in line


def test_no_command_reads_a_number_otherwise() -> None:
    """argparse's type=int and type=float are Python's."""
    found = []
    for path in (*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            kinds = [key.value for key in call.keywords if key.arg == "type" and isinstance(key.value, ast.Name)]
            found += [f"{path}: {kind.id}" for kind in kinds if kind.id in ("int", "float")]
    assert found == []


@given(st.text("0123456789_+-.eE naif١²１\n", max_size=8) | st.floats().map(repr) | st.integers().map(str))
def test_any_text_is_the_number_that_its_digits_mean_or_is_refused(text: str) -> None:
    for read, usual in ((whole, int), (decimal, float)):
        try:
            value = read(text)
        except NumberError:
            continue
        assert text.isascii()
        assert not set(text) & set("_ \n")
        assert value == usual(text)
        assert math.isfinite(value)
