"""The device check ends in its time, and writes what it has found whatever its sections do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import device, wheels
from benchmarks.ceilings import work_of
from benchmarks.hours import hours_of
from benchmarks.packed import LIMIT, original, pack, unpack
from omegaconf import OmegaConf

from recipes import recipe
from renormal.data import stand_in
from renormal.data.memory import load_test, load_training
from renormal.data.mvtec import mvtec
from renormal.job.checkpoint_file import read_checkpoint
from renormal.job.job import run_job
from renormal.report.record import Record, read_record
from small import SMALL
from waiting import lives, wait_until

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Programs in place of the sections: name → source, which may write lines to sys.argv[1]."""

    def use(**sources: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(device, "BUDGETS", dict.fromkeys(sources, 20))
        real = subprocess.Popen

        def started(command: list[str], **settings: Any) -> Any:
            name, lines = command[command.index("--section") + 1], command[command.index("--lines") + 1]
            return real([sys.executable, "-c", sources[name], lines], **settings)

        monkeypatch.setattr(subprocess, "Popen", started)

    return use


WRITES = "import sys; open(sys.argv[1], 'a').write('{\"speed\": 3.5}\\n')"


def test_a_section_that_fails_or_runs_over_is_written_down_and_the_rest_goes_on(
    sections: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sections(
        late=f"{WRITES}; import time; time.sleep(60)",
        broken=f"{WRITES}; raise RuntimeError('CUDA error: an illegal memory access')",
        killed=f"{WRITES}; open(sys.argv[1], 'a').write('{{\"half'); import os; os.kill(os.getpid(), 9)",
        whole=WRITES,
    )
    device.BUDGETS["late"] = 3
    path, found = device.check(tmp_path / "found.json", [*device.BUDGETS], 60, dry=False)
    assert {name: one["state"] for name, one in found.items() if name != "hours"} == {
        "late": "stopped after 3 s",
        "broken": "failed: RuntimeError: CUDA error: an illegal memory access",
        "killed": "failed: no message",
        "whole": "done",
    }
    assert all(one["speed"] == 3.5 for name, one in found.items() if name != "hours")
    written = json.loads(path.read_text())
    assert {name: one for name, one in written.items() if name != "seconds"} == found
    said = device.table(found)
    assert "| late | **stopped after 3 s** | |" in said
    assert "| whole | speed | 3.5 |" in said


def test_the_whole_check_ends_in_its_seconds(sections: Callable[..., None], tmp_path: Path) -> None:
    sections(first="import time; time.sleep(60)", second="import time; time.sleep(60)", third=WRITES)
    _, found = device.check(tmp_path / "found.json", [*device.BUDGETS], 5, dry=False)
    assert found["first"]["state"].startswith("stopped after")
    assert [found[name]["state"] for name in ("second", "third")] == ["not begun: no time was left"] * 2


def test_what_a_stopped_section_has_started_ends_with_it(sections: Callable[..., None], tmp_path: Path) -> None:
    """Jobs side by side would keep the device's memory."""
    child = "import subprocess, sys; one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(6000)'])"
    sections(one=f"{child}; open({str(tmp_path / 'pid')!r}, 'w').write(str(one.pid)); one.wait()")
    device.BUDGETS["one"] = 8
    device.check(tmp_path / "found.json", ["one"], 60, dry=False)
    child_of_it = int((tmp_path / "pid").read_text())
    wait_until(lambda: not lives(child_of_it), "end of what the section has started")


def test_a_check_that_is_told_to_end_takes_its_section_with_it(tmp_path: Path) -> None:
    """`timeout` sends SIGTERM, and a section has a session of its own: it would keep the device."""
    (tmp_path / "check.py").write_text(
        "import subprocess, sys\n"
        "from benchmarks import device\n"
        "real = subprocess.Popen\n"
        "def started(command, **settings):\n"
        "    section = real([sys.executable, '-c', 'import time; time.sleep(700)'], **settings)\n"
        "    open('pid.part', 'w').write(str(section.pid))\n"
        "    __import__('os').replace('pid.part', 'pid')\n"
        "    return section\n"
        "subprocess.Popen = started\n"
        "sys.argv = ['device', '--dry', '--only', 'machine', '--out', 'found.json']\n"
        "device.main()\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    check = subprocess.Popen([sys.executable, "check.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
    section = int(wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text(), "section"))
    check.terminate()
    assert check.wait(60) == 128 + 15
    wait_until(lambda: not lives(section), "end of the section")


def test_the_file_is_written_after_each_section(sections: Callable[..., None], tmp_path: Path) -> None:
    place = tmp_path / "found.json"
    sections(first=WRITES, second=f"import json; assert json.load(open({str(place)!r}))['first']['speed'] == 3.5")
    _, found = device.check(place, [*device.BUDGETS], 60, dry=False)
    assert found["second"]["state"] == "done"


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed: no message", 1)])
def test_the_exit_code_is_that_of_the_sections(state: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One section alone leaves the hours of the table unknown, which is no failure."""
    found = {"machine": {"state": state, "seconds": 1.0}, "hours": hours_of({})}
    monkeypatch.setattr(device.signal, "signal", lambda *_: None)
    monkeypatch.setattr(device, "check", lambda *_, **__: (Path("found.json"), found))
    monkeypatch.setattr(sys, "argv", ["device", "--dry", "--only", "machine"])
    assert device.main() == code


def test_the_budgets_fit_into_eight_minutes() -> None:
    assert sum(device.BUDGETS.values()) <= device.SECONDS == 480


def test_the_hours_of_the_table_follow_from_images_a_second() -> None:
    """3 million images of 60 trainings at 1000 a second are 50 hours; 2 × 100 steps of 9450 samples 4 times, 5.25."""
    speeds = dict.fromkeys(("l2_ae", "dsae", "vae", "gamma_vae"), 1000.0)
    found: dict[str, dict[str, Any]] = {
        "training": {f"{name} images/s": value for name, value in speeds.items()},
        "projection": {f"{name} image-steps/s": 400.0 for name in speeds},
        "side_by_side": {"2 processes over 1": 2.0},
    }
    hours = hours_of(found)
    assert hours["60 jobs, one after another"] == pytest.approx(50 + 4 * 200 * 9450 / 400 / 3600)
    assert hours["60 jobs, side by side"] == pytest.approx(hours["60 jobs, one after another"] / 2)
    assert hours_of({})["state"] == "not known: l2_ae was not measured"


def test_bytes_and_operations_are_counted() -> None:
    one, other = torch.ones(8, 16), torch.ones(16, 4)
    work = work_of(lambda: one @ other)
    assert work.operations == 2 * 8 * 16 * 4
    assert work.bytes == 4 * (8 * 16 + 16 * 4 + 8 * 4)


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_packed_images_come_back_as_a_job_reads_them(tmp_path: Path, category: str) -> None:
    source = stand_in(tmp_path / "drawn", category, train=3, good=2, defective=2)
    file = tmp_path / "images.npz"
    file.write_bytes(pack([source]))
    assert unpack(file, tmp_path / "root") == [category]
    again, size = mvtec(tmp_path / "root", category), 128 if source.kind == "object" else 512
    assert again.kind == source.kind
    assert again.augmentation == source.augmentation
    training = [load_training(one, size=size, channels=None) for one in (source, again)]
    assert torch.equal(*training)
    before, after = (load_test(one, size=size, channels=None) for one in (source, again))
    names = [[(Path(path).parent.name, Path(path).stem) for path in one.paths] for one in (before, after)]
    order = [names[1].index(name) for name in names[0]]
    assert torch.equal(after.images[order], before.images)
    assert torch.equal(after.regions[order] > 0, before.regions > 0)


def test_a_training_of_unpacked_images_becomes_one_of_the_original_files(tmp_path: Path) -> None:
    source = stand_in(tmp_path / "drawn", "bottle", train=4, good=1, defective=1)
    stand_in(tmp_path / "other", "bottle", train=4, good=1, defective=1, seed=1)
    file = tmp_path / "images.npz"
    file.write_bytes(pack([source]))
    unpack(file, tmp_path / "root")
    job = tmp_path / "job"

    def trained(root: str, size: int = 128) -> Record:
        side, place = f"data.object_size={size}", f"data.root={tmp_path / root}"
        config = recipe("data=mvtec", place, "category=bottle", *SMALL, side, f"folder={job}")
        OmegaConf.resolve(config)
        run_job(config)
        return read_record(job / "record.json")

    trained("root", 32)
    with pytest.raises(ValueError, match="the training images of bottle are not those that"):
        original(job, tmp_path / "drawn")  # 32 of 128 of 256 pixels are not 32 of 256
    packed = trained("root")
    with pytest.raises(ValueError, match="the training images of bottle are not those that"):
        original(job, tmp_path / "other")
    assert original(job, tmp_path / "drawn").is_file()
    again = trained("drawn")
    assert again.training == packed.training, "it was trained again"
    assert again.hashes["weights"] == packed.hashes["weights"]
    assert again.hashes["training"] != packed.hashes["training"]
    (job / "record.json").write_bytes((job / "record_of_packed.json").read_bytes())
    with pytest.raises(ValueError, match="is no training of the images in"):
        original(job, tmp_path / "drawn")


def test_a_job_that_only_trained_becomes_one_of_the_original_files_too(tmp_path: Path) -> None:
    file, job = tmp_path / "images.npz", tmp_path / "job"
    file.write_bytes(pack([stand_in(tmp_path / "drawn", "bottle", train=4, good=1, defective=1)]))
    unpack(file, tmp_path / "root")

    def ran(root: str, *own: str) -> None:
        place = f"data.root={tmp_path / root}"
        typed = ["data=mvtec", place, "category=bottle", *SMALL, "data.object_size=128", *own]
        (job / ".hydra").mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.create(typed), job / ".hydra" / "overrides.yaml")
        config = recipe(*typed, f"folder={job}")
        OmegaConf.resolve(config)
        run_job(config)

    ran("root", "stages=[train]")
    assert not (job / "record.json").exists()
    content = read_checkpoint(original(job, tmp_path / "drawn"))
    weights, clock = content["state_dict"], content["callbacks"]["TrainingClock"]
    ran("drawn")
    tested = read_checkpoint(job / "checkpoints" / "last.ckpt")["state_dict"]
    assert all(torch.equal(weights[name], tested[name]) for name in weights), "it was trained again"
    assert read_record(job / "record.json").training["images"] == clock["images"]


def test_jobs_that_are_kept_replace_those_of_before_when_they_are_whole(tmp_path: Path) -> None:
    """The machine may be taken away while they are packed."""
    script = (ROOT / "benchmarks" / "lent.sh").read_text()
    keep = script[script.index("keep() {") :].partition("\nexport ")[0]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "jobs.tar.aa").write_text("of before")

    def kept() -> int:
        return subprocess.run(["bash", "-c", f"set -uo pipefail; out=out\n{keep}\nkeep"], cwd=tmp_path).returncode

    assert kept() != 0, "there are no jobs to pack"
    assert (tmp_path / "out" / "jobs.tar.aa").read_text() == "of before"
    for job, files in {"begun": ["last.ckpt"], "ended": ["last.ckpt", "record.json"]}.items():
        for name in files:
            place = tmp_path / "outputs" / "lent" / job / ("checkpoints" if name == "last.ckpt" else ".") / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("{}")
    assert kept() == 0
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["jobs.tar.aa"]
    listed = subprocess.run(["tar", "-tzf", "out/jobs.tar.aa"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "outputs/lent/ended/record.json" in listed
    assert "outputs/lent/begun/checkpoints/last.ckpt" in listed
    assert "outputs/lent/ended/checkpoints" not in listed


def test_more_than_a_lent_machine_gets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.packed.LIMIT", 1000)
    source = stand_in(tmp_path, "bottle", train=3, good=1, defective=1)
    with pytest.raises(ValueError, match=r"^\d+ MiB, at most 0: bottle \d+; leave some out, or --train N$"):
        pack([source])
    assert LIMIT == 64 * 2**20


def test_the_wheels_leave_torch_and_what_it_needs_alone() -> None:
    found = wheels.lacking(["wandb"])
    assert {"hydra-core", "omegaconf", "kornia", "pydantic", "antlr4-python3-runtime"} <= found.keys()
    assert not {"torch", "lightning", "numpy", "filelock", "jinja2", "wandb", "renormal", "pytest"} & found.keys()


def test_only_what_a_machine_lacks_is_installed(tmp_path: Path) -> None:
    for name in ("kornia-0.9.0", "renormal-0.1.0", "nothing_like_it-1.0"):
        (tmp_path / f"{name}-py3-none-any.whl").touch()
    assert [one.name.partition("-")[0] for one in wheels.missing(tmp_path)] == ["nothing_like_it", "renormal"]
