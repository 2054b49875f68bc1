"""The list of the photographs that a network was trained on, as anybody may have changed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renormal.console.text import printable
from renormal.job.trained_on import FILE, seen_by

DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)
LINE = st.builds("{}  {}".format, DIGEST, st.text(min_size=1, max_size=9)).map(lambda line: line.encode())
PIECE = LINE | st.sampled_from([b"", b"\r", b"\n", b"\xff", b"\0", b"\xef\xbb\xbf"]) | st.binary(max_size=9)


@given(st.lists(PIECE, max_size=6))
def test_any_bytes_are_digests_or_one_line(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    folder = tmp_path_factory.getbasetemp() / "any_trained_on"
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(b"\n".join(pieces))
    try:
        found = seen_by(str(folder))
    except ValueError as error:
        line = str(error)
    else:
        assert found == {piece[:64].decode() for piece in b"\n".join(pieces).split(b"\n") if len(piece) > 64}
        return
    assert line.startswith(f"{folder / FILE}")
    assert line == printable(line)
