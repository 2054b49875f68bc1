"""A command's output never stops it, and a signal ends it with the status that shells expect."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from renormal.console.program import ENDING, log_no_secrets
from small import SWEPT

ROOT = Path(__file__).parents[1]
BEGIN = "from renormal.console.program import begin; begin()\n"
READY = "import time; print('ready', flush=True); time.sleep(60)"


def program(code: str, **options: object) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", BEGIN + code], **pipes)  # type: ignore[call-overload]


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_leaves_every_block_and_gives_its_status(number: signal.Signals) -> None:
    with program(f"try:\n {READY}\nfinally: print('left', flush=True)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate() == ("left\n", "")
    assert process.returncode == 128 + number


@pytest.mark.parametrize("others", [*combinations(ENDING, 2)])
def test_two_signals_at_once_end_like_the_first_and_are_no_traceback(others: tuple[signal.Signals, ...]) -> None:
    code = (
        "import os, signal\n"
        f"numbers = {[int(one) for one in others]}\n"
        "try:\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
        "    for number in numbers: os.kill(os.getpid(), number)\n"
        "    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)\n"
        f"    {READY}\n"
        "finally: print('left', flush=True)"
    )
    with program(code) as process:
        assert process.communicate() == ("left\n", "")
    assert process.returncode == 128 + min(others)


def test_what_is_ignored_stays_ignored() -> None:
    """As nohup asks for."""
    with program(READY, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143


def test_under_slurm_submitit_decides_about_sigterm() -> None:
    code = (
        "import os, signal; os.environ['SLURM_JOB_ID'] = '1'\n"
        "def bypass(*_): print('bypassed', flush=True)\n"
        "bypass.__module__ = 'submitit.core.job_environment'\n"
        "signal.signal(signal.SIGTERM, bypass); from renormal.console.program import end_by_signals; end_by_signals()\n"
        "signal.raise_signal(signal.SIGTERM)"
    )
    with program(code) as process:
        assert process.communicate() == ("bypassed\n", "")
    assert process.returncode == 0


def test_signs_that_a_terminal_lacks_are_escaped() -> None:
    environment = os.environ | {
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    with program("print(chr(0x2212), chr(0x3bb), chr(0x2191))", env=environment) as process:
        assert process.communicate() == (r"\u2212 \u03bb \u2191" + "\n", "")


def test_a_window_system_that_is_not_there_ends_no_work() -> None:
    """matplotlib did not load, after the images were read. All figures are files."""
    code = "import matplotlib.pyplot as plt; print(plt.get_backend().lower())"
    with program(code, env=os.environ | {"MPLBACKEND": "nonsense"}) as process:
        assert process.communicate() == ("agg\n", "")


def test_a_reader_that_has_gone_and_a_full_disk_end_no_work(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(stream=sys.stdout)\n"
        "for _ in range(10_000): logging.warning('a line')\n"
        f"open({str(tmp_path / 'done')!r}, 'w').write('whole')"
    )
    with program(code) as gone, Path("/dev/full").open("w") as file, program(code, stdout=file) as full:
        assert gone.stdout is not None
        gone.stdout.close()
        assert gone.stderr is not None
        assert gone.stderr.read() == ""
        assert full.stderr is not None
        assert full.stderr.read() == "renormal: not all was printed: No space left on device\n"
    assert (gone.returncode, full.returncode) == (0, 0)
    assert (tmp_path / "done").read_text() == "whole"


def test_an_output_that_is_full_is_named_and_not_the_folder_of_the_command() -> None:
    code = "import sys\ntry: print('a', flush=True)\nexcept OSError as error: print(error.filename, file=sys.stderr)"
    with Path("/dev/full").open("w") as file, program(code, stdout=file) as process:
        assert process.stderr is not None
        assert process.stderr.read().startswith("standard output\n")


def close_streams() -> None:
    for number in range(3):
        os.close(number)


def test_a_file_does_not_get_the_number_of_a_closed_output(tmp_path: Path) -> None:
    code = f"import os; file = open({str(tmp_path / 'file')!r}, 'w'); os.write(1, b'noise'); print('more')"
    with program(code, preexec_fn=close_streams, stdout=None, stderr=None) as process:
        pass
    assert process.returncode == 0
    assert (tmp_path / "file").read_text() == ""


def test_no_message_of_a_logger_has_a_password(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    log_no_secrets()
    log_no_secrets()
    try:
        logging.getLogger("any").warning("%s: %d bytes", "https://me:hidden@host/a?token=hidden", 3)
        logging.getLogger("any").warning({"no": "text"})
    finally:
        logging.setLogRecordFactory(before)
    assert caplog.messages == ["https://…@host/a?token=…: 3 bytes", "{'no': 'text'}"]


@pytest.mark.parametrize(
    "command", ["inspect.predict", "inspect.export", "inspect.inpaint", "inspect.view", "report.cli"]
)
@pytest.mark.parametrize("given", [[], ["a", "--none"], ["a", "b", "--false-alarms=x\x1b", "--metric"]])
def test_wrong_arguments_are_one_line(command: str, given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"renormal.{command}").parse(given)
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert line.startswith("renormal-")
    assert line.endswith(" --help")
    assert line.isprintable()


@pytest.mark.parametrize("asked", [False, True])
def test_workers_run_no_file_of_the_working_directory(tmp_path: Path, asked: bool) -> None:
    """A folder of photographs with a types.py or a csv.py in it: a sweep there ran it in each worker."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "own.py").write_text("print('imported')")
    worker = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-m', 'own']).returncode)"
    (tmp_path / "bin" / "command").write_text(BEGIN + worker)
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *([str(tmp_path / "here")] if asked else [])])}
    end = subprocess.run(
        [sys.executable, str(tmp_path / "bin" / "command")],
        cwd=tmp_path / "here",
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (end.stdout, end.returncode) == (("imported\n", 0) if asked else ("", 1)), end.stderr


def test_a_deleted_working_directory_is_one_line(tmp_path: Path) -> None:
    """MKL ended renormal-report with an error of its own, renormal-predict ended in a traceback."""
    code = BEGIN.replace("begin()", "import os; os.rmdir(os.getcwd()); begin()")
    end = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    line = "renormal: the working directory was deleted: change to another one\n"
    assert (end.returncode, end.stdout, end.stderr) == (2, "", line)


SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
STOPPED = """
import signal, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("renormal.") and not name.startswith(("renormal.commands", "renormal.console")):
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
from {module} import {function}
sys.exit({function}())
"""


@pytest.mark.parametrize("place", SCRIPTS.values(), ids=SCRIPTS)
def test_an_interrupt_while_the_libraries_load_is_no_traceback(place: str) -> None:
    module, _, function = place.partition(":")
    code = STOPPED.format(module=module, function=function)
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (end.returncode, end.stdout, end.stderr) == (128 + signal.SIGINT, "", "")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_a_library_would_ignore_ends_the_program_while_it_loads(number: signal.Signals) -> None:
    """Of 39 signals at any time of the start, 2 were ignored: the job went on, and ended with status 0."""
    code = (
        "import signal; from renormal.console.program import at_once_by_signals\n"
        "with at_once_by_signals(lambda: print('last', flush=True)):\n"
        f"    try: signal.raise_signal({int(number)})\n"
        "    except BaseException: print('ignored')\n"
    )
    with program(code) as process:
        assert process.communicate() == ("last\n", "")
    assert process.returncode == 128 + number


def test_after_the_libraries_have_loaded_a_signal_leaves_every_block() -> None:
    code = (
        "import signal; from renormal.console.program import at_once_by_signals\n"
        "with at_once_by_signals(): pass\n"
        "try: signal.raise_signal(signal.SIGTERM)\n"
        "finally: print('left', flush=True)"
    )
    with program(code) as process:
        assert process.communicate() == ("left\n", "")
    assert process.returncode == 128 + signal.SIGTERM


IGNORED = """
import signal, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            try:
                signal.raise_signal({number})
            except BaseException:
                pass

sys.meta_path.insert(0, Interrupted())
sys.argv = ["renormal", *{arguments}]
from renormal.commands import renormal
sys.exit(renormal())
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_torch_loads_ends_the_job_in_a_line(number: signal.Signals, tmp_path: Path) -> None:
    code = IGNORED.format(number=int(number), arguments=["name=cut", "logger=none", f"data.root={tmp_path / 'drawn'}"])
    end = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    folder = tmp_path / "outputs" / "cut" / "l2_ae" / "bottle" / "0"
    assert (end.returncode, end.stderr) == (128 + number, "")
    assert end.stdout.splitlines()[-1].endswith(
        "interrupted while the libraries were loading: the same command starts the job"
    )
    assert json.loads((folder / "state.json").read_text(encoding="utf-8"))["state"] == "interrupted"


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_torch_loads_ends_a_sweep_at_once(number: signal.Signals, tmp_path: Path) -> None:
    """It waited for the end of the import, seconds; then the second job was named, too."""
    arguments = ["-m", "seed=0,1", "name=cut", "logger=none", f"data.root={tmp_path / 'drawn'}"]
    code = IGNORED.format(number=int(number), arguments=arguments)
    end = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (end.returncode, end.stderr) == (128 + number, "")
    assert end.stdout.splitlines()[-1].endswith("the same command starts the job")
    folder = tmp_path / "outputs" / "cut" / "l2_ae" / "bottle"
    assert json.loads((folder / "0" / "state.json").read_text(encoding="utf-8"))["state"] == "interrupted"
    assert not (folder / "1" / "state.json").exists()


def test_a_sweep_that_the_environment_names_is_none_of_a_typed_command(tmp_path: Path) -> None:
    """The job ended: with status 1 and without a word, and of the plan with a line that it is gone or damaged."""
    code = "import sys; from renormal.commands import renormal; sys.exit(renormal())"
    own = os.environ | {"RENORMAL_WORKERS": str(tmp_path / "none"), "RENORMAL_DEVICES": "7", "RENORMAL_PLAN": "/x"}
    arguments = [*SWEPT, f"data.root={tmp_path / 'drawn'}"]
    command = [sys.executable, "-c", code, *arguments]
    end = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (end.returncode, end.stderr) == (0, "")
    assert (tmp_path / "outputs" / "s" / "l2_ae" / "bottle" / "0" / "record.json").is_file()


def test_a_variable_with_which_tqdm_does_not_load_is_one_line() -> None:
    code = "import sys; from renormal.commands import renormal; sys.exit(renormal())"
    own = os.environ | {"TQDM_MININTERVAL": "x"}
    end = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    line = "renormal: TQDM_MININTERVAL in the environment: could not convert string to float: 'x': unset it\n"
    assert (end.returncode, end.stdout, end.stderr) == (2, "", line)
