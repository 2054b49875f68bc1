"""A mask's grey values mean the same in every format, and one rule holds for all masks of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from turned import undone

from renormal.data.drawn_masks import Pair, look_at, read_defects, read_hole, reading_of
from renormal.data.source import DataError

ANY = 10**6  # pixels
SIDE = 96
Truth: TypeAlias = NDArray[np.bool_]
Drawing: TypeAlias = Callable[[Truth, int], NDArray[np.generic] | Image.Image]  # (truth, number of the mask) → the file


def shapes() -> list[Truth]:
    """Three masks with two defects each: a slanted bar and a disc."""
    y, x = np.mgrid[:SIDE, :SIDE]
    bars = [(np.abs(x - 30 - k - 0.2 * y) < 6) & (np.abs(y - 45) < 20 + k) for k in (0, 3, 6)]
    return [bar | (np.hypot(x - 70, y - 60 - 5 * k) < 12) for k, bar in enumerate(bars)]


def painted(folder: Path, draw: Drawing, ending: str = "png", *, quality: int = 95) -> list[Pair]:
    """The files of a data set: each photograph with its mask."""
    pairs = []
    for k, truth in enumerate(shapes()):
        drawing = draw(truth, k)
        picture = drawing if isinstance(drawing, Image.Image) else Image.fromarray(drawing)
        pairs.append(Pair(folder / f"{k}_mask.{ending}", folder / f"{k}.png"))
        picture.save(pairs[-1].mask, **({"quality": quality} if ending == "jpg" else {}))
        Image.new("L", picture.size).save(pairs[-1].image)
    return pairs


def read(pairs: Sequence[Pair], level: float | None = None) -> tuple[list[Truth], list[str]]:
    """The defects of each mask, and the lines that say what was decided."""
    masks = [look_at(pair, ANY) for pair in pairs]
    reading, lines = reading_of(masks, level)
    return [read_defects(mask, reading, fit="squash", max_pixels=ANY) for mask in masks], lines


def two(low: int, high: int, dtype: type = np.uint8) -> Drawing:
    return lambda truth, k: np.where(truth, high, low).astype(dtype)


def soft(truth: Truth, k: int) -> Image.Image:
    """A brush with a soft edge."""
    return Image.fromarray((truth * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2.5))


def antialiased(truth: Truth, k: int) -> NDArray[np.uint8]:
    """Each edge pixel with the share of it that is covered: five levels."""
    fine = np.asarray(Image.fromarray((truth * 255).astype(np.uint8)).resize((2 * SIDE, 2 * SIDE), 2)) > 127
    fine = np.roll(fine, 1, axis=(0, 1))
    return (fine.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3)) * 255).round().astype(np.uint8)


def classes(*numbers: int) -> Drawing:
    """The bar of class numbers[k], the disc of the next: a number for each kind of defect."""

    def draw(truth: Truth, k: int) -> NDArray[np.uint8]:
        right = np.arange(SIDE) > 57
        pair = numbers[k % len(numbers)], numbers[(k + 1) % len(numbers)]
        return np.where(truth, np.where(right, pair[1], pair[0]), 0).astype(np.uint8)

    return draw


def boxed(draw: Drawing, value: int) -> Drawing:
    """The drawing between two bands of a value, as a letterbox."""

    def drawn(truth: Truth, k: int) -> NDArray[np.generic]:
        whole = np.array(draw(truth, k))
        whole[:10], whole[-10:] = value, value
        return whole

    return drawn


def indexed(draw: Drawing, *colours: tuple[int, int, int]) -> Drawing:
    """Values as indices of a palette."""

    def drawn(truth: Truth, k: int) -> Image.Image:
        picture = Image.fromarray(np.asarray(draw(truth, k)).astype(np.uint8)).convert("L")
        indices = Image.frombytes("P", picture.size, picture.tobytes())
        indices.putpalette([level for colour in colours for level in colour])
        return indices

    return drawn


def ink(colour: tuple[int, int, int], page: tuple[int, int, int, int]) -> Drawing:
    def drawn(truth: Truth, k: int) -> NDArray[np.uint8]:
        return np.where(truth[..., None], (*colour, 255), page).astype(np.uint8)

    return drawn


def red(draw: Drawing) -> Drawing:
    return lambda truth, k: np.stack([np.asarray(draw(truth, k)), *np.zeros((2, SIDE, SIDE), np.uint8)], axis=-1)


def sixteen(draw: Drawing, factor: int) -> Drawing:
    return lambda truth, k: np.asarray(draw(truth, k)).astype(np.uint16) * factor


def quantised(truth: Truth, k: int) -> Image.Image:
    """Soft and red, in the palette that a program chose for it: its indices mean nothing."""
    return Image.fromarray(np.asarray(red(soft)(truth, k))).quantize(16)


def faded(truth: Truth, k: int) -> Image.Image:
    """Letterboxed in a bright grey, then resized."""
    return Image.fromarray(np.asarray(boxed(two(0, 255), 200)(truth, k))).filter(ImageFilter.GaussianBlur(2))


VOC = ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
TAB = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40))
LOSSLESS = ("png", "bmp", "tif")
SEEN = {  # kind → drawing, endings of files, share of all pixels that may differ from the truth
    "white on black": (two(0, 255), LOSSLESS, 0),
    "white on black in jpeg": (two(0, 255), ("jpg",), 0.001),
    "0 and 1": (two(0, 1), LOSSLESS, 0),
    "one bit": (lambda truth, k: Image.fromarray(truth), LOSSLESS, 0),
    "soft edges": (soft, (*LOSSLESS, "jpg"), 0.005),
    "antialiased": (antialiased, (*LOSSLESS, "jpg"), 0.02),
    "class numbers": (classes(1, 2, 6), LOSSLESS, 0),
    "numbers of instances": (classes(*range(1, 71)), LOSSLESS, 0),
    "classes as grey levels": (classes(85, 170, 255), LOSSLESS, 0),
    "one value for each kind of defect": (lambda truth, k: two(0, 255 - 15 * k)(truth, k), LOSSLESS, 0),
    "red on black": (red(two(0, 255)), LOSSLESS, 0),
    "red on black in jpeg": (red(two(0, 255)), ("jpg",), 0.01),
    "soft and red": (red(soft), ("png", "bmp", "tif"), 0.005),
    "white on a transparent page": (ink((255, 255, 255), (255, 255, 255, 0)), ("png", "tif"), 0),
    "black on a transparent page": (ink((0, 0, 0), (255, 255, 255, 0)), ("png", "tif"), 0),
    "opaque with alpha": (ink((255, 255, 255), (0, 0, 0, 255)), ("png", "tif"), 0),
    "classes in colours": (indexed(classes(1, 2, 3), *VOC), LOSSLESS, 0),
    "classes in colours, none of them black": (indexed(classes(1, 2, 3), *TAB), LOSSLESS, 0),
    "classes in colours that repeat": (indexed(classes(1, 2, 3), (0, 0, 0), (0, 0, 0), *VOC[1:3]), LOSSLESS, 0),
    "a grey palette": (indexed(two(0, 1), (0, 0, 0), (255, 255, 255)), LOSSLESS, 0),
    "a chosen palette": (quantised, ("png",), 0.03),
    "16 bit": (two(0, 65535, np.uint16), ("png", "tif"), 0),
    "0 and 1 in 16 bit": (two(0, 1, np.uint16), ("png", "tif"), 0),
    "soft in 16 bit": (sixteen(soft, 257), ("png", "tif"), 0.005),
    "letterbox": (boxed(two(0, 255), 114), LOSSLESS, 0),
    "letterbox in jpeg": (boxed(two(0, 255), 114), ("jpg",), 0.002),
    "letterbox around soft edges": (boxed(soft, 114), (*LOSSLESS, "jpg"), 0.005),
    "letterbox that fades to black": (faded, LOSSLESS, 0.005),
    "letterbox around 0 and 1": (boxed(two(0, 1), 114), LOSSLESS, 0),
    "white letterbox around classes": (boxed(classes(1, 2, 6), 255), LOSSLESS, 0),
}


@pytest.mark.parametrize(("kind", "ending"), [(kind, ending) for kind, row in SEEN.items() for ending in row[1]])
def test_a_defect_is_what_was_drawn_in_every_format(kind: str, ending: str, tmp_path: Path) -> None:
    draw, _, allowed = SEEN[kind]
    found, _ = read(painted(tmp_path, draw, ending))
    for truth, mask in zip(shapes(), found, strict=True):
        assert (truth != mask).mean() <= allowed


def test_the_same_pixels_are_the_same_mask_in_every_lossless_format(tmp_path: Path) -> None:
    """Also those of a JPEG that was saved again, whose black is not quite black."""
    for kind, draw in {"soft": soft, "two": two(0, 255), "boxed": boxed(soft, 114)}.items():
        (tmp_path / kind).mkdir()
        jpeg = painted(tmp_path / kind, draw, "jpg", quality=75)
        expected, _ = read(jpeg)
        for ending in LOSSLESS:
            again = [Pair(pair.mask.with_suffix(f".{ending}"), pair.image) for pair in jpeg]
            for old, new in zip(jpeg, again, strict=True):
                Image.open(old.mask).save(new.mask)
            np.testing.assert_array_equal(read(again)[0], expected, err_msg=f"{kind} {ending}")


def everywhere(truth: Truth, k: int) -> NDArray[np.uint8]:
    return np.full(truth.shape, 255, np.uint8)


def heat(truth: Truth, k: int) -> Image.Image:
    return Image.fromarray((truth * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(20))


def photograph(truth: Truth, k: int) -> NDArray[np.uint8]:
    return np.random.default_rng(k).integers(60, 200, truth.shape).astype(np.uint8)


def sometimes_boxed(truth: Truth, k: int) -> NDArray[np.generic]:
    return np.asarray((boxed(two(0, 255), 114) if k else two(0, 255))(truth, k))


def two_greys(truth: Truth, k: int) -> NDArray[np.generic]:
    return np.asarray(two(0, 255 if k else 128)(truth, k))


REFUSED = {
    "two greys in jpeg": (two_greys, "jpg", "which are no class numbers and no soft edges"),
    "classes in jpeg": (classes(1, 2, 6), "jpg", r"a JPEG with values up to \d, which JPEG does not keep"),
    "grey classes in jpeg": (classes(85, 170, 255), "jpg", "which are no class numbers and no soft edges"),
    "classes and a value to ignore": (classes(1, 2, 255), "png", "holds 1, 2, 255, which may be numbers of classes or"),
    "a map of heat": (heat, "png", r"\(\d+ values\), which are no class numbers"),
    "a photograph": (photograph, "png", "which are no class numbers and no soft edges"),
    "white everywhere": (everywhere, "png", "marks its whole image, and so does every mask: they outline nothing"),
    "black on white": (two(255, 0), "png", r"bright at 100% of their edges and 8\d% of their area: they may be"),
    "black on white in jpeg": (two(255, 0), "jpg", "may be inverted, with black as the defect"),
    "a frame in some masks": (
        sometimes_boxed,
        "png",
        "2 of 3 masks have a frame of value 114, and no",
    ),
    "a frame as bright as defects": (
        boxed(two(0, 255), 255),
        "png",
        "every mask has a frame of value 255",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_masks_that_may_mean_two_things_end_in_one_line_with_the_mend(kind: str, tmp_path: Path) -> None:
    draw, ending, message = REFUSED[kind]
    pairs = painted(tmp_path, draw, ending)
    with pytest.raises(DataError, match=message) as caught:
        read(pairs)
    assert str(caught.value).startswith(str(tmp_path))
    background = kind.startswith(("white everywhere", "black on white"))  # which no level mends
    assert ("test.mask_level" in str(caught.value)) is not background
    assert str(caught.value).endswith("white on black" if background else "pixels above it are defects")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["white everywhere", "black on white", "black on white in jpeg"])
def test_a_level_does_not_make_masks_of_their_background(kind: str, tmp_path: Path) -> None:
    draw, ending, message = REFUSED[kind]
    with pytest.raises(DataError, match=message):
        read(painted(tmp_path, draw, ending), level=127)


def test_a_level_that_is_given_decides(tmp_path: Path) -> None:
    draw = classes(1, 255)
    found, lines = read(painted(tmp_path, draw), level=127)
    for k, (truth, mask) in enumerate(zip(shapes(), found, strict=True)):
        np.testing.assert_array_equal(mask, np.asarray(draw(truth, k)) == 255)
    assert lines == []


SAID = {
    "white on black": (two(0, 255), []),
    "soft edges": (soft, ["masks have soft edges (values up to 255): a pixel above 127.5 is a defect"]),
    "class numbers": (classes(1, 2, 6), ["masks hold the numbers 1, 2, 6: each above 0 is a defect"]),
    "letterbox": (
        boxed(two(0, 255), 114),
        ["masks hold one value above 0, a defect; their frame of value 114 is none"],
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_was_decided_is_said(kind: str, tmp_path: Path) -> None:
    draw, lines = SAID[kind]
    assert read(painted(tmp_path, draw))[1] == lines


def test_a_mask_that_is_empty_under_the_rule_of_all_is_named_with_its_values(tmp_path: Path) -> None:
    pairs = painted(tmp_path, soft)
    Image.fromarray((shapes()[1] * 3).astype(np.uint8)).save(pairs[1].mask)
    with pytest.raises(
        DataError,
        match=r"1_mask.png: an empty mask \(its largest value is 3, .* 127.5\); draw it as bright",
    ):
        read(pairs)


def test_a_defect_may_cover_a_whole_image_or_touch_an_edge(tmp_path: Path) -> None:
    pairs = painted(tmp_path, two(0, 255))
    truths = [*shapes()[:1], np.ones((SIDE, SIDE), bool), np.arange(SIDE)[:, None].repeat(SIDE, 1) < 9]
    for pair, truth in zip(pairs, truths, strict=True):
        Image.fromarray((truth * 255).astype(np.uint8)).save(pair.mask)
    np.testing.assert_array_equal(read(pairs)[0], truths)


def turned_photographs(folder: Path, orientations: Sequence[int], *, stored: bool, side: int = 60) -> list[Pair]:
    """Photographs that EXIF turns. Their masks have no tag, and lie on the stored or on the upright pixels."""
    upright = np.zeros((side, 60), np.uint8)
    upright[5:20, 10:40] = 255
    pairs = []
    for k, orientation in enumerate(orientations):
        exif = Image.Exif()
        exif[0x0112] = orientation
        raw = Image.fromarray(undone(upright, orientation))
        pairs.append(Pair(folder / f"{k}_mask.png", folder / f"{k}.jpg"))
        raw.save(pairs[-1].image, exif=exif)
        (raw if stored else Image.fromarray(upright)).save(pairs[-1].mask)
    return pairs


@pytest.mark.parametrize("stored", [False, True])
def test_masks_lie_on_the_pixels_that_their_size_shows(stored: bool, tmp_path: Path) -> None:
    """Upside down, the size shows nothing: those follow the photographs on their side."""
    found, lines = read(turned_photographs(tmp_path, (1, 6, 8, 3, 5, 2), stored=stored, side=40))
    for mask in found:
        assert mask.shape == (40, 60)
        assert mask[5:20, 10:40].all()
        assert mask.sum() == 15 * 30
    said = "5 masks have the stored size of a photograph that EXIF turns: they are turned with it, as "
    assert lines == ([f"{said}{tmp_path / '1_mask.png'}"] if stored else [])


@pytest.mark.parametrize("orientations", [(3, 1), (2,), (6, 6)])
def test_a_turned_photograph_whose_mask_fits_both_ways_is_named(orientations: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0.jpg: EXIF turns this photograph, and its mask .*0_mask.png fits it turned"):
        read(turned_photographs(tmp_path, orientations, stored=True))


def test_a_mask_with_the_same_tag_as_its_photograph_is_turned_by_it(tmp_path: Path) -> None:
    (pair,) = turned_photographs(tmp_path, (3,), stored=True)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(pair.mask).save(pair.mask, exif=exif)
    assert read([pair])[0][0][5:20, 10:40].all()


def hole(folder: Path, mask: NDArray[np.uint8], size: int) -> Truth:
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask).save(folder / "photograph.png")
    return read_hole(Pair(folder / "mask.png", folder / "photograph.png"), size=size, fit="squash", max_pixels=ANY)


def test_a_thin_scratch_next_to_a_block_belongs_to_the_hole(tmp_path: Path) -> None:
    drawn = np.zeros((512, 512), dtype=np.uint8)
    drawn[300:360, 300:360], drawn[:, 97:99] = 255, 255
    found = hole(tmp_path, drawn, 64)
    assert found[:, 11:14].all()
    assert found[36:46, 36:46].all()
    assert not found[:, 20:30].any()


def test_a_hole_may_reach_the_edges(tmp_path: Path) -> None:
    drawn = np.full((64, 64), 255, dtype=np.uint8)
    drawn[20:40, 20:40] = 0
    np.testing.assert_array_equal(hole(tmp_path, drawn, 64), drawn > 0)
