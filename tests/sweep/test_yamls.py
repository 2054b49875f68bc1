"""A yaml of the user's own that cannot be read is one line: the file, the line in it, the mend."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hypothesis import given
from hypothesis import strategies as st

from preloaded import python
from renormal.console.text import printable
from renormal.sweep.yamls import name_unreadable_yamls
from waiting import HANGING

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 10)
)
WRONG: dict[str, tuple[str | bytes, str]] = {
    "a tab": ("model:\n\tname: x\n", "own.yaml, line 3: found character '\\t' that cannot start any token; correct"),
    "a key twice": ("seed: 1\nseed: 2\n", "own.yaml, line 3: found duplicate key seed; correct the file"),
    "two documents": ("seed: 1\n---\nseed: 2\n", "own.yaml, line 3: but found another document; correct the file"),
    "a command": ("name: !!python/object/apply:os.system [touch mine]\n", "could not determine a constructor for the"),
    "a list": ("- 1\n- 2\n", "own.yaml: it holds no keys, which are lines such as seed: 0; correct the file"),
    "a word": ("hello\n", "own.yaml: it holds no keys, which are lines such as seed: 0; correct the file"),
    "aliases of aliases": (BOMB, "own.yaml: its aliases (*name) make more than 100000 values; correct the file"),
    "a node that holds itself": ("seed: &a [*a]\n", "own.yaml: its aliases (*name) make more than 100000 values"),
    "another encoding": ("name: größe\n".encode("latin-1"), "own.yaml: not UTF-8 (byte 28); correct the file"),
    "too deep": ("x: " + "{a: " * 3000 + "1" + "}" * 3000, "own.yaml: it is nested too deeply: correct the file"),
    "itself": ("defaults:\n  - own\n", "the defaults of a yaml of yours lead back to itself: take that entry out"),
    "a set": ("a: !!set {b}\n", "own.yaml: Value 'set' is not a supported primitive type; correct the file"),
    "an empty key": ("? \n: 1\n", "own.yaml: Incompatible key type 'NoneType'; correct the file"),
    "an interpolation that is none": ("name: ${\n", "own.yaml: "),
    "a huge number": (f"seed: {'9' * 5000}\n", "own.yaml: Exceeds the limit (4300 digits)"),
}


def said(folder: Path) -> str:
    command = [python(), "-m", "renormal.run", f"hydra.searchpath=[file://{folder}]", "experiment=own", "--cfg", "job"]
    end = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=HANGING, check=False)
    assert (end.returncode, end.stdout) == (2, "")
    assert sorted(path.name for path in folder.iterdir()) == ["experiment"]
    (line,) = end.stderr.splitlines()
    return line


@pytest.mark.parametrize("kind", WRONG)
def test_a_yaml_that_cannot_be_read_is_one_line(kind: str, tmp_path: Path) -> None:
    content, line = WRONG[kind]
    (tmp_path / "experiment").mkdir()
    head = b"# @package _global_\n"
    (tmp_path / "experiment" / "own.yaml").write_bytes(
        head + (content.encode() if isinstance(content, str) else content)
    )
    assert line in said(tmp_path)


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """It was waited for without an end. Hydra itself finds no file there."""
    (tmp_path / "experiment").mkdir()
    os.mkfifo(tmp_path / "experiment" / "own.yaml")
    assert "experiment=own does not exist" in said(tmp_path)


PARTS = ("a: 1", "b: [1, 2]", "&x", "*x", "<<: *x", "? k", ": v", "!!set", "!!binary A", "- ", "${a}", "${", "{", "]")
PARTS += ("1e999", ".nan", "0o7", "1:2:3", "2001-01-01", "'", '"', "#", "%YAML 3.0", "---", "...", "|", ">", "\t", " ")
TEXT = st.builds(str.join, st.sampled_from(("\n", " ", "")), st.lists(st.sampled_from(PARTS) | st.text(max_size=5)))


@given(TEXT)
def test_any_text_is_a_yaml_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any_yaml"
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    Plugins.instance()
    kind = SourcesRegistry.instance().resolve("file")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "load_config", kind.load_config)
        name_unreadable_yamls()
        try:
            kind(provider="test", path=f"file://{folder}").load_config("own")
        except ValueError as error:
            line = str(error)
        else:
            return
    assert line == printable(line)
    assert "own.yaml" in line
