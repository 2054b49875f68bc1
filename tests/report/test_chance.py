"""An improvement over an f(x0) that knows nothing of defects is called that, in every output."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import made_up, write_made_up

from renormal.report.chance import NOTE
from renormal.report.cli import main
from renormal.report.record import Record
from renormal.report.render import markdown
from renormal.report.table import build_table


def with_aurocs(category: str = "grid", *, seed: int = 0, **values: float) -> Record:
    metrics = {name.replace("__", "/"): value for name, value in values.items()}
    return made_up(category=category, seed=seed, metrics=metrics)


def notes(*records: Record, metric: str = "pixel_auroc") -> list[str]:
    return [note for note in build_table(records, metric).notes if note.startswith(NOTE.split("{", 1)[0])]


@pytest.mark.parametrize(("base", "named"), [(0.31, True), (0.5, True), (0.501, False), (0.9, False)])
def test_a_rate_over_a_network_no_better_than_chance_says_little(base: float, named: bool) -> None:
    good = with_aurocs("wood", baseline__pixel_auroc=0.9, eq8__pixel_auroc=0.91)
    weak = with_aurocs(baseline__pixel_auroc=base, eq8__pixel_auroc=0.8)
    assert notes(good, weak) == ([NOTE.format("VAE grid")] if named else [])


def test_seeds_count_by_their_mean_as_the_rate_does() -> None:
    seeds = [with_aurocs(seed=i, baseline__pixel_auroc=b, eq8__pixel_auroc=0.8) for i, b in enumerate((0.45, 0.6))]
    assert notes(*seeds) == []
    assert notes(seeds[0]) != []


def test_a_table_of_images_is_held_to_the_auroc_of_images_and_another_metric_to_that_of_pixels() -> None:
    record = with_aurocs(
        **{f"{m}__{n}": v for m in ("baseline", "eq8") for n, v in (("pixel_auroc", 0.9), ("image_auroc", 0.4))},
        **{"baseline__f1": 0.1, "eq8__f1": 0.2},
    )
    assert notes(record, metric="image_auroc") != []
    assert notes(record, metric="pixel_auroc") == notes(record, metric="f1") == []


def test_without_a_rate_there_is_nothing_to_say() -> None:
    assert notes(with_aurocs(baseline__pixel_auroc=0.2)) == []


def test_terminal_page_and_markdown_have_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = with_aurocs(baseline__pixel_auroc=0.3, eq8__pixel_auroc=0.6)
    write_made_up(tmp_path, record)
    assert main([str(tmp_path)]) == 0
    line = NOTE.format("VAE grid")
    assert line in capsys.readouterr().out
    assert line in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert line in (tmp_path / "table.md").read_text(encoding="utf-8") == markdown(build_table([record]))
