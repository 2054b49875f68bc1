"""The tests' quick way to start Python does what Python does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from preloaded import python
from waiting import HANGING, lives, wait_until

SAYS = "import sys; print(sys.argv, __name__); print(sys.stdin.read()[::-1]); print('aside', file=sys.stderr)"
SURROUNDINGS = "import os; print(os.getcwd(), os.environ['GIVEN'], os.environ.get('HOME'))"


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", SAYS, "a", "-b"),
        ("-u", "-c", SURROUNDINGS),
        ("-c", "import sys; sys.exit(3)"),
        ("-c", "import sys; sys.exit('no')"),
        ("-c", "import os; os.kill(os.getpid(), 15)"),
        ("-c", "import atexit; atexit.register(print, 'last')"),
        ("-P", "-m", "renormal.run", "batch_size=many"),
        ("script.py", "a", "-b"),
    ],
)
def test_a_preloaded_python_ends_as_python_does(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "script.py").write_text(f"import sys\nprint(sys.path[0], __name__, __file__)\n{SAYS}")
    ends = [
        subprocess.run(
            [executable, *arguments],
            input="hello",
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"GIVEN": "1", "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            check=False,
            timeout=HANGING,
        )
        for executable in (python(), sys.executable)
    ]
    first, second = ((end.returncode, end.stdout, end.stderr) for end in ends)
    assert first == second


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux has it")
def test_a_preloaded_python_that_is_killed_takes_its_work_along() -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with subprocess.Popen([python(), "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        work = int(process.stdout.readline())
        assert lives(work)
        process.kill()
        wait_until(lambda: not lives(work), "end of the work")
