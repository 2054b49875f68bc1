"""Paths on the command line are taken as they are typed; a sweep, a list and a key's place stay what they are."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from recipes import recipe
from renormal.run import CONF
from renormal.sweep.arguments import as_typed, for_shell, options_first, without_hyphens

ROOT = Path(__file__).parents[2]
NAMES = [
    *("plain", "零件", "Teile für Müller", "parts (1)", "parts, new", "a=b", "part's", 'say "x"', "[lot]", "lot#7"),
    *("{lot}", "end\\", "end\\\\", "a\\b", "a\\'b", "a$b", "$x", "a'", "'a'", '"a"', "1", "007", "1e5", "true", "x,y"),
    *("~x", "a:b", "a b ", " a", "a\\,b", "new\nline", "a@b", "a|b*?", "%20", "''", "choice(a,b)", "-m", "--seed=3"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("below", ["{}", "data/{}", "{here}/{}"])
def test_a_folder_that_exists_is_the_folder_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, below: str
) -> None:
    monkeypatch.chdir(tmp_path)
    place = below.format(name, here=tmp_path)
    Path(place).mkdir(parents=True)
    config = recipe("data=folder", as_typed(f"data.root={place}"), "folder=x")
    OmegaConf.resolve(config)
    assert config.data.source.root == place


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("data.root=零件,plain", "data.root='零件','plain'"),
        ("checkpoint=[零件, plain]", "checkpoint=['零件','plain']"),
        ("data.root=plain,missing", "data.root=plain,missing"),  # the sweep names the folder that is not there
        ("data.root=missing,gone", "data.root='missing,gone'"),
        ("data.root='parts (1)'", "data.root='parts (1)'"),
        ("data.root=~/plain", "data.root='/home/ada/plain'"),
        ("+data.root=~/with blank", "+data.root='/home/ada/with blank'"),
        ("checkpoint=null", "checkpoint=null"),
        ("checkpoint=runs (1)/${model.name}/last.ckpt", "checkpoint='runs (1)/${model.name}/last.ckpt'"),
        ("hydra.sweep.dir=out, new", "hydra.sweep.dir='out, new'"),
        ("hydra.sweep.dir=out/${name}", "hydra.sweep.dir=out/${name}"),
        ("name=零件", "name='零件'"),
        ("name=nan", "name='nan'"),
        ("name=1e5", "name='1e5'"),
        ("name=plain,other", "name=plain,other"),
        ("category=bottle,grid", "category=bottle,grid"),
        ("batch_size=8,16", "batch_size=8,16"),
    ],
)
def test_what_does_not_exist_is_read_as_hydra_can_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, read: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("零件", "plain"):
        Path(name).mkdir()
    assert as_typed(typed) == read


def test_a_folder_named_like_a_keys_place_is_refused_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("${seed}").mkdir()
    with pytest.raises(ValueError, match="rename the folder"):
        as_typed("data.root=${seed}")


@pytest.mark.parametrize("text", ["name='a b'", "a$b", 'say "x"', "it's `x`", "wow!", "a\\b"])
def test_quotes_for_the_shell_give_the_same_text(text: str) -> None:
    assert shlex.split(for_shell(text)) == [text]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--model.optimizer.lr=0.001", "model.optimizer.lr=0.001"),
        ("--data.root=/photos/lot 7", "data.root=/photos/lot 7"),
        ("--cfg=job", "--cfg=job"),
        ("--config-dir=conf", "--config-dir=conf"),
        ("--multirun", "--multirun"),
        ("--hydra-help", "--hydra-help"),
        ("-m", "-m"),
    ],
)
def test_arguments_of_wandb_agent_lose_their_hyphens(typed: str, read: str) -> None:
    assert without_hyphens(typed) == read


def test_a_flag_without_its_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--rerun has no value: write rerun=true"):
        without_hyphens("--rerun")


SWEEP = yaml.safe_load((ROOT / "docs" / "optimize.md").read_text().split("## wandb agent")[1].split("```")[1][5:])


@pytest.mark.parametrize("hyphens", ["", "--"])
def test_what_wandb_agent_makes_of_the_documented_sweep_composes(hyphens: str) -> None:
    """As the client of wandb fills in the command of a sweep."""
    values = {"model.optimizer.lr": 1.25e-05, "batch_size": 64}
    assert SWEEP["parameters"].keys() == values.keys()
    filled = {"${program}": [SWEEP["program"]], "${args_no_hyphens}": [f"{hyphens}{k}={v}" for k, v in values.items()]}
    program, *arguments = [one for part in SWEEP["command"] for one in filled.get(part, [part])]
    assert program == "renormal"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = [as_typed(without_hyphens(argument)) for argument in arguments]
        config = compose("config", [*overrides, "folder=x"], return_hydra_config=True)
    assert (config.model.optimizer.lr, config.batch_size) == (1.25e-05, 64)
    assert config.hydra.run.dir == "outputs/try/1.25e-05/64/l2_ae/parts/0"
    assert SWEEP["metric"]["name"] == "objective"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("data=rehearsal -m seed=0,1 category=grid", "-m data=rehearsal seed=0,1 category=grid"),
        ("a=1 --multirun b=2 -m", "--multirun -m a=1 b=2"),
        ("a=1 --cfg job b=2 --resolve", "--cfg job --resolve a=1 b=2"),
        ("a=1 --cfg=job b=2", "--cfg=job a=1 b=2"),
        ("a=1 --info defaults b=2", "a=1 b=2 --info defaults"),
        ("-i a=1", "a=1 -i"),
        ("a=1 --config-dir conf --multi", "--config-dir conf --multi a=1"),
        ("a=1 ~b +c=-1", "a=1 ~b +c=-1"),
        ("", ""),
    ],
)
def test_options_may_stand_between_overrides(typed: str, read: str) -> None:
    assert options_first(typed.split()) == read.split()
    given = get_args_parser().parse_args(read.split())
    assert given.overrides == [one for one in read.split() if ("=" in one and one[0] != "-") or one[0] == "~"]


def test_an_option_that_there_is_not_is_one_line() -> None:
    with pytest.raises(ValueError, match="there is no option --nope: renormal --help shows the options"):
        options_first(["a=1", "--nope=3"])
    for typed in ("a=1 --cfg", "--cfg a=1", "-c nope a=1"):
        with pytest.raises(ValueError, match=r"^-?-c\w* needs one of job, hydra, all after it$"):
            options_first(typed.split())
