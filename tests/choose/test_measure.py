"""Many stops from one descent, and a test set of planted defects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from renormal.choose.measure import PlantedTest, Size, ends
from renormal.choose.planted_set import planted_set, write_sheet
from renormal.contracts import Batch
from renormal.data import Augmentation, Item, Source, hold_out, stand_in
from renormal.data.source import DataError
from renormal.lit.datamodule import Sizes, SourceData
from renormal.lit.scoring import Scoring
from renormal.metrics import AnomalyMetrics
from renormal.models import VAE
from renormal.projection import (
    Descent,
    Energy,
    Gradient,
    Plateau,
    Settled,
    Threshold,
    project,
    reconstruction_losses,
    settle,
)
from renormal.report.strips import read_picture
from renormal.scores import DSSIM, SquaredError


def data_of(root: Path, category: str, every: int = 3) -> SourceData:
    source = hold_out(stand_in(root, category, train=6, good=2, defective=1), every)
    return SourceData(source, sizes=Sizes(128, 32, 32), batch_size=4, epoch_images=8)


def net(channels: int) -> VAE:
    torch.manual_seed(0)
    return VAE(channels=channels, latent=8, size=32).eval().requires_grad_(False)


@pytest.mark.parametrize("safeguard", [False, True])
@pytest.mark.parametrize("direction", [Gradient(), Descent().direction])
def test_one_descent_ends_where_each_stop_alone_would(rehearsal: Path, direction: object, safeguard: bool) -> None:
    data = data_of(rehearsal, "bottle")
    model, x0 = net(data.channels), data.training.float() / 255
    recipe = Descent(direction=direction, max_steps=12, slots=4, safeguard=safeguard)  # type: ignore[arg-type]
    descent = settle(recipe, model, x0)
    losses = reconstruction_losses(model, x0, descent)
    full = project(model, x0, replace(descent, stop=Threshold(value=0.0))).terms.reconstruction
    low, high = full.max().item(), losses.min().item()
    values = [low * 0.5, low + 0.3 * (high - low), low + 0.7 * (high - low), losses.max().item() + 1]
    stops = [replace(descent, stop=Threshold(value=value)) for value in values]
    alone = [project(model, x0, stop) for stop in stops]
    assert len({tuple(result.steps.tolist()) for result in alone}) == 4, "the stops differ"
    for end, result in zip(ends(model, x0, x0, stops), alone, strict=True):
        assert torch.equal(end, result.x)


def test_a_point_that_the_safeguard_refused_is_nowhere_to_stop(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    model, x0 = net(data.channels), data.training.float() / 255
    heavy = Energy(weight=0.5)  # far from x0 the energy is higher although L_r is lower
    descent = settle(Descent(energy=heavy, step_size=8.0, max_steps=6, slots=4, safeguard=True), model, x0)
    seen: list[float] = []
    end = project(
        model,
        x0,
        replace(descent, stop=Threshold(value=0.0)),
        observe=lambda sample, t, x, terms: seen.append(terms.reconstruction.min().item()),
    )
    between = (min(seen) + end.terms.reconstruction.min().item()) / 2
    assert min(seen) < between < end.terms.reconstruction.min(), "something below the threshold was refused"
    stops = [replace(descent, stop=Threshold(value=value)) for value in (0.0, between)]
    for found, stop in zip(ends(model, x0, x0, stops), stops, strict=True):
        assert torch.equal(found, project(model, x0, stop).x)


def planted_test(data: SourceData, samples: Batch, *, stride: int = 32) -> PlantedTest:
    model = net(data.channels)
    normal = torch.cat(list(data.normal_images(64)))
    scoring = Scoring(stride, "maps", 8)
    scores = {"dssim": DSSIM(), "squared_error": SquaredError()}

    def ready(descent: Descent) -> tuple[Settled, torch.Tensor]:
        settled = settle(replace(descent, slots=8), model, normal)
        return settled, reconstruction_losses(model, normal, settled)

    return PlantedTest(model, [samples], torch.device("cpu"), data.patch_size, [Size(1, scores, ready)], scoring)


def test_what_is_measured_equals_what_a_test_would_say(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    samples = planted_set(data, defects=6, seed=0)
    test, model = planted_test(data, samples), net(data.channels)
    descent = Descent(max_steps=5)
    measured = {(one.quantile, one.score): one.metrics for one in test.measure(descent, [0.0, 0.5])}
    assert measured.keys() == {(0.0, "dssim"), (0.0, "squared_error"), (0.5, "dssim"), (0.5, "squared_error")}
    losses = reconstruction_losses(model, data.training.float() / 255, descent)
    for quantile, value in ((0.0, losses.min()), (0.5, losses.double().quantile(0.5))):
        end = project(model, samples.image, replace(descent, stop=Threshold(value=value.item()))).x
        for name, score in test.sizes[0].scores.items():
            oracle = AnomalyMetrics()
            oracle.update(score(model, samples.image, end), samples.regions)
            wanted = {metric: value.item() for metric, value in oracle.compute().items()}
            wanted["mean_of_three"] = (wanted["pixel_auroc"] + wanted["aupro"] + wanted["image_auroc"]) / 3
            assert measured[quantile, name] == pytest.approx(wanted, abs=2e-3)
    oracle = AnomalyMetrics()
    oracle.update(DSSIM()(model, samples.image, model.reconstruct(samples.image).image), samples.regions)
    plain = {one.score: one.metrics["pixel_auroc"] for one in test.baseline()}
    assert plain["dssim"] == pytest.approx(oracle.compute()["pixel_auroc"].item(), abs=1e-3)


def test_a_stop_that_is_no_quantile_stays_as_it_is(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle")
    test = planted_test(data, planted_set(data, defects=2, seed=0))
    for stop in (Plateau(), Threshold(value=3.0)):
        assert {one.quantile for one in test.measure(Descent(stop=stop, max_steps=2), [0.0, 0.5])} == {None}


def test_defects_are_planted_on_spare_images_and_good_ones_are_added(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle", every=2)
    samples = planted_set(data, defects=6, seed=0)
    spare = data.spare.float() / 255
    assert (len(data.training), len(spare)) == (3, 3)
    assert samples.defect[6:] == ["good"] * 3
    assert torch.equal(samples.image[6:], spare)
    assert not samples.regions[6:].any()
    untouched = (samples.regions[:6] == 0)[:, None]
    assert torch.equal(samples.image[:6] * untouched, spare.repeat(2, 1, 1, 1) * untouched)


def test_of_a_texture_the_piece_around_the_defect_is_scored(rehearsal: Path) -> None:
    data = data_of(rehearsal, "grid")
    samples = planted_set(data, defects=5, seed=0)
    assert samples.image.shape[-2:] == (64, 64)
    assert (samples.regions[:5] > 0).flatten(1).any(1).all()
    model, score, oracle = net(data.channels), DSSIM(), AnomalyMetrics()
    maps = torch.zeros(len(samples.image), 64, 64)
    for top in (0, 32):
        for left in (0, 32):
            tile = samples.image[..., top : top + 32, left : left + 32]
            maps[:, top : top + 32, left : left + 32] = score(model, tile, model.reconstruct(tile).image)
    oracle.update(maps, samples.regions)
    plain = {one.score: one.metrics for one in planted_test(data, samples).baseline()}
    assert plain["dssim"]["pixel_auroc"] == pytest.approx(oracle.compute()["pixel_auroc"].item(), abs=1e-4)


def test_a_piece_has_tiles_at_every_size_at_which_the_network_sees_it(rehearsal: Path) -> None:
    source = data_of(rehearsal, "grid").source
    data = SourceData(source, sizes=Sizes(256, 32, 32), batch_size=4, epoch_images=8, shrink=[1, 2, 4])
    samples = planted_set(data, defects=2, seed=0)
    assert samples.image.shape[-2:] == samples.regions.shape[-2:] == (256, 256)
    test = planted_test(data, samples)
    sizes = [test.sizes[0]._replace(shrink=n) for n in data.shrink]
    assert {one.score for one in replace(test, sizes=sizes).baseline()} == {"dssim", "squared_error"}


def test_without_spare_images_training_images_are_taken(rehearsal: Path) -> None:
    data = data_of(rehearsal, "bottle", every=0)
    assert len(data.training) == 6
    assert torch.equal(planted_set(data, defects=4, seed=0).image[4:], data.training[::3].float() / 255)


def test_a_sheet_shows_the_defects(rehearsal: Path, tmp_path: Path) -> None:
    samples = planted_set(data_of(rehearsal, "bottle"), defects=6, seed=0)
    picture = np.array(read_picture(write_sheet(tmp_path / "planted.png", samples, across=4), "RGB"))
    assert picture.shape == (2 * 32, 4 * 2 * 32, 3)
    red = (picture == (255, 0, 0)).all(-1)
    assert red[:32, 32:64].any()
    assert not red[:32, :32].any()


def source_of(count: int) -> Source:
    items = tuple(Item(Path(f"{k:02d}.png"), None, "good") for k in range(count))
    return Source("part", Path(), "object", Augmentation(), items, ())


@pytest.mark.parametrize(("count", "every", "spare"), [(12, 5, [4, 9]), (3, 10, [2]), (6, 2, [1, 3, 5]), (6, 0, [])])
def test_every_so_many_th_image_is_spare_and_none_is_in_both(count: int, every: int, spare: list[int]) -> None:
    source = hold_out(source_of(count), every)
    assert [int(item.image.stem) for item in source.spare] == spare
    assert [int(item.image.stem) for item in source.train] == [k for k in range(count) if k not in spare]


@pytest.mark.parametrize(
    ("count", "every", "line"), [(6, 1, "must be 0"), (6, -1, "must be 0"), (1, 10, "none to spare")]
)
def test_what_cannot_be_held_out_is_refused(count: int, every: int, line: str) -> None:
    with pytest.raises(DataError, match=line):
        hold_out(source_of(count), every)
