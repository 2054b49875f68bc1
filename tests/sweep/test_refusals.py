"""A command line that cannot be composed is one line: the argument, what exists, and quotes that work."""

from __future__ import annotations

import errno
import logging.config
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from preloaded import python
from renormal.run import CONF, basename
from renormal.sweep.hydra_keys import wrong_hydra
from renormal.sweep.meant import WORDS, places_in
from renormal.sweep.refusals import check_text, exit_with, in_a_line, line_of
from renormal.sweep.settings import wrong_settings
from waiting import HANGING

BASIC = "settings belong to a launcher, add hydra/launcher=slurm, local or joblib"
LOCAL = "hydra/launcher=local has n_jobs, submitit_folder, timeout_min"


def refusal(*overrides: str) -> str:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            load = GlobalHydra.instance().config_loader().load_configuration
            config = load("config", list(overrides), run_mode=RunMode.RUN)
        except Exception as error:
            return line_of(error)
        return next(iter(wrong_hydra(config) or wrong_settings(config)), "")


def test_a_disk_that_refuses_hydra_s_own_files_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra writes the config of a job before it starts."""

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create({"hydra": {"runtime": {"output_dir": "a/b"}}}))
    with pytest.raises(SystemExit):
        in_a_line(full)()
    assert capsys.readouterr().err.startswith("renormal: a/b: No space left on device; make room")


def test_a_log_that_cannot_be_configured_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        logging.config.dictConfig(
            {"version": 1, "incremental": True, "root": {"level": "LOUD"}}
        )  # no logger of others is changed

    def bug() -> None:
        raise ValueError("a bug")

    with pytest.raises(SystemExit):
        in_a_line(wrong)()
    said = capsys.readouterr().err
    assert said == "renormal: hydra.job_logging: Unable to configure root logger: Unknown level: 'LOUD'\n"
    with pytest.raises(ValueError, match="a bug"):
        in_a_line(bug)()


def test_a_locale_that_reads_names_otherwise_is_named_and_not_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line said of a path in Chinese that it was not UTF-8, and told the user to rename it."""
    check_text(["data.root=/零件"])
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    check_text(["data.root=/parts"])
    with pytest.raises(SystemExit):
        check_text([b"data.root=/\xe9\x9b\xb6".decode("ascii", "surrogateescape")])
    said = capsys.readouterr().err
    assert said.endswith("records have UTF-8: set PYTHONUTF8=1, or a locale of UTF-8 such as LC_ALL=C.UTF-8\n")
    assert said.startswith("renormal: data.root=/")
    assert "reads names as ascii" in said


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["foo"], "foo is not key=value: renormal --help shows the keys"),
        (["/tmp/x.json"], "/tmp/x.json is not key=value: renormal --help shows the keys"),
        (["modle=vae"], "modle does not exist: model was meant?"),
        (["model=vea"], "model=vea does not exist: did you mean vae?"),
        (["choose=gird"], "choose=gird does not exist: did you mean grid?"),
        (["trainer=xyz"], "trainer=xyz does not exist: trainer has ddp, single"),
        (["trainer.max_epoch=3"], "trainer.max_epoch does not exist: trainer.max_epochs was meant?"),
        (["descent.alpha=1"], "descent.alpha does not exist: projections.eq8.step_size was meant?"),
        (["descent.foo=1"], "descent.foo does not exist: descent has max_steps, safeguard, slots"),
        (["root=/a"], "root does not exist: data.root was meant?"),
        (["data_root=/a"], "data_root does not exist: data.root was meant?"),
        (["max_epochs=1"], "max_epochs does not exist: trainer.max_epochs was meant?"),
        (["lr=1"], "lr does not exist: model.optimizer.lr was meant?"),
        (["sample.lr=1"], "sample.lr does not exist: sample.optimizer.lr was meant?"),
        (["step_size=1"], "step_size does not exist: projections.eq8_adam.step_size or projections.eq8.step_size or c"),
        (["stride=1"], "stride does not exist: test.stride was meant?"),
        (["trainer.seed=1"], "trainer.seed does not exist: seed was meant?"),
        (["device=cuda"], "device does not exist: trainer.accelerator=gpu was meant?"),
        (["Epochs=1"], "Epochs does not exist: trainer.max_epochs was meant?"),
        (["xyzzy=1"], "xyzzy does not exist: the recipe has data, model, "),
        (
            ["model.optimizer.betas=[0.9, 0.99]"],
            "model.optimizer.betas does not exist: model.optimizer has lr, fused; +model.optimizer.betas=… gives the",
        ),
        (["hydra.launcher=null"], "hydra.launcher=null: choose one with hydra/launcher="),
        (["hydra.sweeper=3"], "hydra.sweeper=3: choose one with hydra/sweeper="),
        (["hydra.callbacks.check=null"], "hydra.callbacks.check checks every job before the first starts: leave it"),
        (
            ["hydra.job.chdir=true"],
            "hydra.job.chdir=true: must be null, a job's paths start from the working directory",
        ),
        (["hydra.verbose=3"], "hydra.verbose=3: must be true, false, or names of loggers such as [renormal]"),
        (["hydra.mode=x"], "hydra.mode: Invalid value 'x', expected one of [RUN, MULTIRUN]"),
        (["hydra.run.dir=null"], "hydra.run.dir: field 'hydra.run.dir' is not Optional"),
        (["hydra.job.env_set.A=1"], "hydra.job.env_set.A does not exist: hydra.job.env_set has no settings; +hydra.jo"),
        (["model=vaee"], "model=vaee does not exist: did you mean vae?"),
        (["model=l2ae"], "model=l2ae does not exist: did you mean l2_ae?"),
        (["sweep=[models,categorys_cpu]"], "sweep=categorys_cpu does not exist: did you mean categories_cpu?"),
        (["sweep=[models,pill]"], "sweep=pill does not exist: sweep has categories, categories_cpu, "),
        (["projection=[eq88]"], "projection=eq88 does not exist: did you mean eq8?"),
        (["logger=[csv,wandbb]"], "logger=wandbb does not exist: did you mean wandb?"),
        (
            ["seed=0,1"],
            "seed=0,1 is several values: -m makes a job for each, [0,1] is a list, \"seed='0,1'\" is one",
        ),
        (["+data.x={'a': 5}"], "+data.x={'a': 5}: names in braces have no quotes, as in +data.x={rotate: 5}"),
        (["hydra.launcher.gpus_per_node=1"], f"hydra.launcher.gpus_per_node does not exist: {BASIC}"),
        (["+hydra.launcher.gpus_per_node=1"], f"hydra.launcher.gpus_per_node does not exist: {BASIC}"),
        (["hydra/launcher=local", "hydra.launcher.mem_gb=1"], f"hydra.launcher.mem_gb does not exist: {LOCAL}"),
        (["hydra/launcher=local", "+hydra.launcher.mem_gb=1"], f"hydra.launcher.mem_gb does not exist: {LOCAL}"),
        (
            ["hydra/launcher=joblib", "+hydra.launcher.foo=1"],
            "hydra.launcher.foo does not exist: hydra/launcher=joblib",
        ),
        (
            ["hydra/launcher=slurm", "hydra.launcher.foo=1"],
            "hydra.launcher.foo does not exist: hydra/launcher=slurm",
        ),
        (["hydra/launcher=submitit_slurm", "+hydra.launcher.partitoin=x"], "hydra.launcher.partitoin does not exist: "),
    ],
)
def test_what_is_wrong_and_what_exists_is_one_line(overrides: list[str], line: str) -> None:
    said = refusal(*overrides)
    assert said.startswith(line)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("typed", "mend"),
    [
        (
            ["data.root=Good", "Parts/", "2026", "seed=1"],
            '; if it belongs to the path before it, write "data.root=Good Parts/ 2026"',
        ),
        (["seed=1", "Parts/"], ""),
    ],
)
def test_the_rest_of_a_path_after_a_blank_is_answered_with_quotes(
    typed: list[str], mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["renormal", *typed])
    assert refusal(*typed) == f"Parts/ is not key=value{mend}: renormal --help shows the keys"


def test_several_values_with_cfg_are_not_sent_to_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["renormal", "--cfg", "job", "seed=0,1"])
    expected = "seed=0,1 is several values, and --cfg shows one job: give one of them, and leave out sweep="
    assert refusal("seed=0,1") == expected


def test_every_word_of_other_programs_is_a_setting_here() -> None:
    """And no word is a setting itself."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        places = set(places_in(compose("config")))
    named = {part.partition("=")[0] for advice in WORDS.values() for part in re.split(" or |, ", advice)}
    assert named - {"another of data"} <= places
    assert not WORDS.keys() & places


@pytest.mark.parametrize(
    ("argument", "known"),
    [
        ("budget=null", "did you mean full?"),
        ("budget=5", "budget has full, quick;"),
        ("trainer=true", "trainer has ddp, single;"),
    ],
)
def test_a_group_that_gets_no_name_is_named_with_its_choices(
    argument: str, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["renormal", "seed=1", argument])
    name = argument.partition("=")[2]
    own = f"a {name}.yaml of yours is found with 'hydra.searchpath=[file:///path/to/your/conf]'"
    assert refusal(argument) == f"{argument} does not exist: {known} {own}"


@pytest.mark.parametrize(("path", "name"), [("/a/b", "b"), ("/", "folder"), (None, "folder"), (["a"], "folder")])
def test_a_folder_without_a_name_has_one_for_messages(path: object, name: str) -> None:
    assert basename(path) == name


@pytest.mark.parametrize(
    "name", ["gres", "mem_per_cpu", "qos", "setup", "exclude", "mail_user", "gpus_per_task", "srun_args"]
)
@pytest.mark.parametrize("launcher", ["slurm", "submitit_slurm"])
def test_every_option_of_a_cluster_may_be_added_and_is_listed(launcher: str, name: str) -> None:
    assert (
        refusal(
            f"hydra/launcher={launcher}", f"+hydra.launcher.{name}={'[a]' if name in ('setup', 'srun_args') else 1}"
        )
        == ""
    )
    assert re.search(rf" {name}(,|$)", refusal(f"hydra/launcher={launcher}", "+hydra.launcher.foo=1"))


@pytest.mark.parametrize("value", ["lot (1)", "a]b", "零件", "it's", "100%#", "a\\'b(", "x=y"])
def test_the_quotes_that_a_refusal_names_work_on_the_shell(value: str) -> None:
    said = refusal(f"model.label={value}")
    assert said.startswith(f"model.label={value} has signs that Hydra reads otherwise. As text it is ")
    (argument,) = shlex.split(said.partition(" As text it is ")[2])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("config", [argument]).model.label == value


@pytest.mark.parametrize("arguments", [["name=${x}"], ["-m", "name=${x}", "seed=0,1"], ["seed=0,1", "-m", "name=${x}"]])
def test_a_reference_to_no_setting_is_one_line_of_a_command(arguments: list[str], tmp_path: Path) -> None:
    whole = [python(), "-m", "renormal.run", *arguments]
    end = subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=HANGING)
    assert (end.returncode != 0, end.stdout) == (True, "")
    assert re.fullmatch(r"renormal: \$\{x\} in hydra\.\w+\.dir names no setting: renormal --cfg job .*\n", end.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_an_argument_of_any_length_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        exit_with(["x" * 100_000])
    assert len(capsys.readouterr().err) < 5000
