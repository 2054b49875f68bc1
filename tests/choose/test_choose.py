"""The stage choose: what it leaves, what it repeats, what it refuses, and that no test label decides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from hydra.errors import InstantiationException

from renormal.choose.begun import begun, keep_begun
from renormal.choose.choose import Choose
from renormal.choose.measure import Measured, PlantedTest
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.job import stages
from renormal.job.build import build_columns
from renormal.job.job import run_job
from renormal.lit.progress import Progress
from renormal.lit.stage import Found, Work
from renormal.report.record import Record, read_record

FEW = [
    "experiment=choose",
    "choose.defects=4",
    "choose.holdout=3",
    "choose.axes.step_size=[0.5,2.0]",
    "choose.axes.energy.weight=[0.05]",
    "choose.axes.stop.quantile=[0.0,0.5]",
]


def left(folder: Path) -> tuple[Record, dict[str, Any]]:
    return read_record(folder / "record.json"), json.loads((folder / "choice.json").read_text())


@pytest.fixture(scope="module")
def first(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that has chosen and tested, for the tests that read it."""
    folder = tmp_path_factory.mktemp("choose") / "run"
    run_job(small(*FEW, f"folder={folder}"))
    return folder


def test_a_job_chooses_and_tests_what_it_chose(first: Path) -> None:
    record, content = left(first)
    assert record.choice == content
    assert record.data["train_images"] == 4, "two of six are spare"
    assert content["held_out"]
    assert {"choose", "train", "test", "data"} == record.seconds.keys()
    assert len(content["trials"]) == 1 + 2 * 2 * 2 * 2  # the constants; projections, α, stops, scores
    best = max(trial["metrics"]["pixel_auroc"] for trial in content["trials"])
    assert content["chosen"]["metrics"]["pixel_auroc"] == best
    reference = content["reference"]
    assert reference["settings"] == {"step_size": 0.5, "energy.weight": 0.05, "stop.quantile": 0.0}
    assert (reference["projection"], reference["score"]) == ("eq8_adam", "dssim")
    assert {"chosen/pixel_auroc", "eq8_adam/pixel_auroc"} <= record.metrics.keys()
    assert (first / "planted.png").is_file()


def test_the_column_is_what_the_line_sets(tiny: Any, tmp_path: Path) -> None:
    scores = ["~choose.scores", "+choose.scores={}"]
    run_job(tiny(*FEW, *scores))
    record, content = left(tmp_path / "run")
    given = [f"checkpoint={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}", f"folder={tmp_path / 'x'}"]
    run_job(tiny("choose.holdout=3", "stages=[test]", *given, *content["line"].split()))
    name = content["chosen"]["projection"]
    metrics = read_record(tmp_path / "x" / "record.json").metrics
    assert metrics[f"{name}/pixel_auroc"] == record.metrics["chosen/pixel_auroc"]
    assert metrics[f"{name}/aupro"] == record.metrics["chosen/aupro"]


def test_a_score_that_the_network_cannot_answer_is_not_tried(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(*FEW, "+score@choose.scores.learned=msgms_segmented"))
    _, content = left(tmp_path / "run")
    assert {trial["score"] for trial in content["trials"]} == {"dssim", "squared_error"}


LEARNED = ["model=segmenting_ae", "model.net.width=4", "model.net.segmenter=4", "score=segmented"]
OFFERED = "+projection@choose.projections.second_pass=second_pass"


def test_a_projection_may_be_chosen_that_is_no_column(tiny: Any, tmp_path: Path) -> None:
    """Only S finds the planted defects here; after a descent of no steps it has seen f(x0) of nothing."""
    none = ["choose=as_configured", "projection=[eq8]", "descent.max_steps=0", "~choose.scores", "+choose.scores={}"]
    run_job(tiny(*FEW[:3], *none, *LEARNED, OFFERED))
    record, content = left(tmp_path / "run")
    assert [trial["projection"] for trial in content["trials"]] == ["eq8", "eq8", "second_pass"]
    assert content["chosen"]["projection"] == "second_pass"
    assert {name.split("/")[0] for name in record.metrics if "_" not in name.split("/")[0]} == {
        "baseline",
        "eq8",
        "chosen",
    }
    assert "second_pass" not in record.projections
    inspector = Inspector(load(tmp_path / "run"))
    assert inspector.answers.networks[0].descents["chosen"].reconstructed


def test_a_projection_that_the_network_cannot_answer_is_not_tried(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(*FEW, OFFERED))
    _, content = left(tmp_path / "run")
    assert {trial["projection"] for trial in content["trials"]} == {"eq8_adam", "eq8"}


def test_a_column_may_be_offered_too_but_not_another_of_its_name(tiny: Any) -> None:
    again = "+projection@choose.projections.eq8=eq8"
    build_stages_of(tiny(*FEW, again))
    with pytest.raises(ValueError, match=r"^choose.projections.eq8 is not projections.eq8: give one of them another"):
        build_stages_of(tiny(*FEW, again, "choose.projections.eq8.step_size=0.1"))


def build_stages_of(config: Any) -> Choose:
    return Choose(config, build_columns(config), lambda _: {})


def test_a_file_of_settings_is_taken_by_a_later_run(first: Path, tiny: Any, tmp_path: Path) -> None:
    record, content = left(first)
    checkpoint = f"checkpoint={first / 'checkpoints' / 'last.ckpt'}"
    later = [*FEW[:1], "choose.holdout=3", "stages=[test]", checkpoint, f"folder={tmp_path / 'later'}"]
    path = Path(shutil.copy(first / "choice.json", tmp_path))
    run_job(tiny(*later, f"choose.settings={path}"))
    given = read_record(tmp_path / "later" / "record.json")
    assert given.metrics == record.metrics
    assert given.choice == content
    path.write_text(
        path.read_text().replace(f'"projection": "{content["chosen"]["projection"]}"', '"projection": "eq7"')
    )
    with pytest.raises(ValueError, match=r"chose eq7: add it to projection=\[eq8_adam,eq8\]"):
        run_job(tiny(*later, f"choose.settings={path}"))


def test_an_interrupted_job_does_not_choose_again(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(tiny(*FEW, "stages=[train,choose]"))
    _, measure = (tmp_path / "run" / "choice.json").read_text(), PlantedTest.measure
    asked: list[Any] = []
    monkeypatch.setattr(PlantedTest, "measure", lambda self, *rest: asked.append(rest) or measure(self, *rest))
    run_job(tiny(*FEW))
    assert not asked
    assert "chosen/pixel_auroc" in read_record(tmp_path / "run" / "record.json").metrics
    run_job(tiny(*FEW, "choose.defects=5"))
    assert asked, "another question has another answer"
    asked.clear()
    run_job(tiny(*FEW, "choose.defects=5", "rerun=true"))
    assert asked, "other weights may have another answer"


def test_an_interrupted_choice_goes_on_where_it_was(first: Path, tiny: Any, tmp_path: Path) -> None:
    """Interrupted after two measurements: they are not made again, and the choice is that of an undisturbed job."""
    measure, asked = PlantedTest.measure, list[Any]()

    def twice(test: PlantedTest, *given: Any) -> list[Measured]:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(given)
        return measure(test, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlantedTest, "measure", twice)
        with pytest.raises(KeyboardInterrupt):
            run_job(tiny(*FEW))
    part = tmp_path / "run" / "choice.part.json"
    assert len(json.loads(part.read_text())["measurements"]) == 2
    before, asked[:] = list(asked), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlantedTest, "measure", lambda *given: asked.append(given[1:]) or measure(*given))
        run_job(tiny(*FEW))
    assert asked, "the others are measured"
    assert not [one for one in asked if one in before]
    assert left(tmp_path / "run")[1]["trials"] == left(first)[1]["trials"]
    assert not part.exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"facts": {}, "measurements": [{"key": ["a"], "results": []}]}', '{"facts": 1}'],
)
def test_a_damaged_part_of_a_choice_is_measured_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "choice.part.json"
    path.write_text(content)
    assert begun(path, {}) == {}


def test_a_part_belongs_to_its_facts(tmp_path: Path) -> None:
    path, measured = tmp_path / "choice.part.json", {("eq8", "[]", "[0.0]"): [Measured(0.0, "score", {"aupro": 0.1})]}
    keep_begun(path, {"seed": 0}, measured)
    assert begun(path, {"seed": 0}) == measured
    assert begun(path, {"seed": 1}) == {}


def test_planted_images_are_counted_up_to_all_of_them(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the strategy asks twice for what is measured once."""
    begun_with, done = list[tuple[str, int, str]](), list[int]()
    opened = Progress.begin_counted

    def begin(own: Progress, trainer: Any, stage: str, total: int, unit: str) -> None:
        begun_with.append((stage, total, unit))
        done.append(0)
        opened(own, trainer, stage, total, unit)

    def finished(own: Progress, units: int) -> None:
        done[-1] += units

    monkeypatch.setattr(Progress, "begin_counted", begin)
    monkeypatch.setattr(Progress, "finished", finished)
    run_job(tiny(*FEW, "projections.eq8.max_steps=1"))
    assert [(stage, unit) for stage, _, unit in begun_with] == [("choose", "image"), ("test", "projection")]
    assert done == [total for _, total, _ in begun_with]


def test_a_rank_takes_the_choice_that_the_first_one_has_found(
    first: Path, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system may show a file to one node and not yet to another, which would measure and wait for the others."""
    config = tiny(*FEW)
    shutil.copytree(first, tmp_path / "run")
    _, found = left(tmp_path / "run")
    (tmp_path / "run" / "choice.json").unlink()
    monkeypatch.setattr(PlantedTest, "measure", lambda *given: pytest.fail("measured"))
    stage = Choose(config, build_columns(config), lambda fingerprint: {"held_out": True})
    strategy = SimpleNamespace(broadcast=lambda own: own or found)
    rank = SimpleNamespace(is_global_zero=False, strategy=strategy)
    assert stage.run(Work(rank, None, None, "x"), Found()).choice == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("better", "margin", "said"), [(1e-3, 0, False), (5e-3, 0, True), (5e-3, 0.004, False), (7e-3, 0.004, True)]
)
def test_a_better_f_of_x0_is_named_unless_it_is_rounding_or_within_the_margin_of_a_preferred_score(
    first: Path, tiny: Any, caplog: pytest.LogCaptureFixture, better: float, margin: float, said: bool
) -> None:
    """A projection that is one pass of f, in bfloat16, differs by 0.001 from f(x0) in float32."""
    content = left(first)[1]
    score = content["chosen"]["score"]
    config = tiny(*FEW, *([f"+choose.preferred.{score}={margin}"] if margin else []))
    own = content["chosen"]["metrics"][content["metric"]]
    found = content | {"baseline": {"score": {content["metric"]: own + better}}}
    stage = Choose(config, build_columns(config), lambda fingerprint: {"held_out": True})
    rank = SimpleNamespace(is_global_zero=False, strategy=SimpleNamespace(broadcast=lambda given: given or found))
    stage.run(Work(rank, None, None, "x"), Found())  # type: ignore[arg-type]
    assert ("finds the drawn defects better" in caplog.text) is said


def test_a_choice_of_another_score_is_repeated_from_its_file(
    first: Path, tiny: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What choose.scores names may differ from the yaml of that name, and the experiment may change its own score."""
    caplog.set_level("INFO", "renormal")
    config, content = tiny(*FEW, "+score@choose.scores.other=msgms"), left(first)[1]
    stage = Choose(config, build_columns(config), lambda fingerprint: {"held_out": True})
    for name in ("other", stage.main):
        found = content | {"chosen": content["chosen"] | {"score": name}}
        rank = SimpleNamespace(is_global_zero=False, strategy=SimpleNamespace(broadcast=lambda given, own=found: own))
        stage.run(Work(rank, None, None, "x"), Found())  # type: ignore[arg-type]
    other, own = (line for line in caplog.messages if line.startswith("another job of this experiment takes the same"))
    assert other.endswith("/run/choice.json, and no choose in stages=")
    assert " settings with choose.settings=" in other
    assert " settings with projection=[" in own
    other, own = (line for line in caplog.messages if ": chosen by the " in line)
    assert "not the share of real defects that will be found" in own, "the number of drawn ones was read as it"
    assert ", score other, " in other
    assert f"of drawn defects: {content['chosen']['projection']}, " in own
    assert f", score {stage.main}, " in own or ", the config's score, " in own


def test_the_line_of_another_score_names_the_file(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """score=other may be no yaml, or another one than choose.scores has."""
    measure = PlantedTest.measure

    def better(test: PlantedTest, *given: Any) -> list[Measured]:
        found = measure(test, *given)
        return [one._replace(metrics=dict.fromkeys(one.metrics, float(one.score == "other"))) for one in found]

    monkeypatch.setattr(PlantedTest, "measure", better)
    run_job(tiny(*FEW, "+score@choose.scores.other=msgms"))
    content = left(tmp_path / "run")[1]
    assert content["chosen"]["score"] == "other"
    assert content["line"] == "choose.settings=choice.json"


@pytest.mark.parametrize("family", ["first", "second"])
def test_the_test_plants_defects_of_the_family_that_choose_names(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    class PlantedError(Exception):
        """Enough is known."""

    def seen(*_: Any, family: str, **named: Any) -> NoReturn:
        raise PlantedError(family)

    monkeypatch.setattr(stages, "planted_set", seen)
    with pytest.raises(PlantedError, match=family):
        run_job(tiny(f"choose.family={family}", "test.planted=4"))


def test_without_an_axis_of_stops_each_projection_keeps_its_own(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(*FEW, "~choose.axes.stop", "projections.eq8_adam.stop.quantile=0.5"))
    _, content = left(tmp_path / "run")
    assert {trial["settings"]["stop.quantile"] for trial in content["trials"]} == {0.0, 0.5}


def test_the_configured_constants_are_measured_once(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the reference, and the only settings of the grid here."""
    measure, measured = PlantedTest.measure, []

    def counted(test: PlantedTest, *given: Any) -> Any:
        measured.append(given)
        return measure(test, *given)

    monkeypatch.setattr(PlantedTest, "measure", counted)
    run_job(tiny(*FEW[:3], "choose=as_configured", "projection=[eq8]", "stages=[train,choose]"))
    assert len(measured) == 1
    first, second = json.loads((tmp_path / "run" / "choice.json").read_text())["trials"][:2]
    assert first == second


def test_no_test_image_has_a_say(tiny: Any, tmp_path: Path) -> None:
    chosen = []
    for place, defective in (("a", 1), ("b", 2)):
        root = f"data.root={tmp_path / place}"
        run_job(tiny(*FEW, f"data.defective={defective}", root, f"folder={tmp_path / place / 'run'}"))
        record, content = left(tmp_path / place / "run")
        chosen.append((content["chosen"], content["trials"], record.data["test_defective"]))
    assert chosen[0][:2] == chosen[1][:2]
    assert chosen[0][2] != chosen[1][2]


def test_weights_that_may_know_the_images_are_named(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny("stages=[train]"))
    checkpoint = f"checkpoint={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}"
    run_job(tiny(*FEW, "stages=[choose]", checkpoint, f"folder={tmp_path / 'x'}"))
    assert json.loads((tmp_path / "x" / "choice.json").read_text())["held_out"] is False
    assert "the network may have been trained on the images with drawn defects" in caplog.text
    run_job(tiny(*FEW, "choose.holdout=0", f"folder={tmp_path / 'y'}"))
    assert left(tmp_path / "y")[1]["held_out"] is False


def test_photographs_without_any_label_are_enough(tiny: Any, tmp_path: Path) -> None:
    from PIL import Image

    for index in range(8):
        (tmp_path / "hinge").mkdir(exist_ok=True)
        Image.effect_noise((40 + index, 32), 60).save(tmp_path / "hinge" / f"{index}.png")
    run_job(tiny(*FEW, "data=folder", f"data.root={tmp_path / 'hinge'}"))
    record, content = left(tmp_path / "run")
    assert "chosen/pixel_auroc" not in record.metrics
    assert record.data["test_defective"] == 0
    assert len(content["trials"]) == 1 + 2 * 2 * 2 * 2  # the constants; projections, α, stops, scores
    assert content["chosen"]["metrics"]["pixel_auroc"] == max(t["metrics"]["pixel_auroc"] for t in content["trials"])


def test_textures_are_chosen_for_too(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny(*FEW, "category=grid", "data.texture_size=96", "stages=[train,choose]"))
    assert json.loads((tmp_path / "run" / "choice.json").read_text())["category"] == "grid"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["choose.settings=x.json"], "leave choose out of the stages"),
        (["choose.settings=x.json", "stages=[train,test]"], "choose.settings=x.json does not exist"),
        (["+choose.axes.energy.wait=[1.0]"], "projections.eq8_adam.energy.wait does not exist"),
        (["choose.axes.step_size=[0.0]"], "step_size must be positive"),
        (["+projection@projections.chosen=eq5"], "none called chosen"),
    ],
)
def test_what_cannot_be_chosen_says_so_before_training(tiny: Any, overrides: list[str], message: str) -> None:
    with pytest.raises((ValueError, InstantiationException), match=message):
        run_job(tiny(*FEW, *overrides))
    assert not list(Path(tiny().folder).rglob("*.ckpt"))


def test_a_config_that_chooses_nothing_has_the_digest_that_it_always_had(tiny: Any) -> None:
    from renormal.job.fingerprints import chosen, source_of

    config = tiny("choose.defects=7", "choose=optuna")
    assert chosen(config, source_of(config)) == []


def test_every_projection_that_it_tries_is_a_sign_of_life(tiny: Any) -> None:
    """Otherwise the status of a sweep calls a job silent that chooses for twenty minutes."""
    heard: list[str] = []
    few = ["choose.holdout=2", "choose.defects=2", "descent.max_steps=2"]
    run_job(tiny("stages=[train,choose]", *few), report=lambda stage, _: heard.append(stage))
    assert heard.count("choose") > 1
