"""Data sets as people publish and keep them: what trains, what is tested, which mask belongs to which image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_sets import (
    Listed,
    ad2,
    btad,
    flat_with_black,
    folders_side_by_side,
    german,
    hazelnut_toy,
    kolektor,
    labels_of_everything,
    listed,
    loco,
    magnetic_tiles,
    numbered_names,
    photographs_of_labels,
    split,
    toy,
    visa,
)
from renormal.data import folder

MASKS = [  # of crack/7.png
    "mask/7.png",
    "MASK/7.png",
    "Masks/crack/7_mask.png",
    "label/7.png",
    "labels/crack/7.png",
    "ground_truth/crack/7.png",
    "GT/7.png",
    "GroundTruth/7.png",
    "groundtruth/crack/7.png",
    "gt/crack/7_gt.png",
    "seg/7.png",
    "Annotations/7.png",
    "SegmentationClass/7.png",
    "defect_masks/7.png",
    "掩码/7.png",
    "标注/crack/7.png",
    "Masken/7.png",
    "masques/crack/7.bmp",
    "crack/mask/7.png",
    "crack/Label/7_label.PNG",
    "crack/ground_truth/7.png",
    "crack_mask/7.png",
    "CRACK_GT/7.png",
    "crack/7_mask.png",
    "crack/7_MASK.png",
    "crack/7_label.bmp",
    "crack/7_gt.png",
    "crack/7-mask.png",
    "crack/mask_7.png",
    "crack/GT-7.png",
    "crack/7.mask.png",
    "crack/7.bmp",
    "crack/7.PNG",
    "crack/7_ground_truth.png",
    "masks/crack/mask-7.png",
    "masks/7_label.png",
    "masks/7-GT.tif",
    "masks/gt_7.png",
    "masks/7.mask.png",
    "ground truth/crack/7.png",
    "crack/7_mask_0.png",
    "crack/7_mask1.png",
    "masks/crack/7_gt_1.png",
    "crack/7_truth.png",
    "ground_truth_crack/7.png",
    "crack/7 mask.png",
    "crack/7(mask).png",
    "masks/7 [mask].png",
    "masks/crack/7_mask_binary.png",
    "ground_truth/crack/7_anno.png",
    "ground_truth/crack/7_gt_mask.png",
    "masks/7_mask_v2.png",
]

CLASSES = [  # good, defective
    ("0.normal", "1.abnormal"),
    ("MT_Free", "MT_Crack"),
    ("正常", "不正常"),
    ("良品", "不良品"),
    ("无缺陷", "划痕"),
    ("양품", "불량"),
    ("норма", "брак"),
    ("healthy", "unhealthy"),
    ("gesund", "ungesund"),
    ("годный", "негодный"),
    ("Gutteile", "Schlechtteile"),
    ("良好品", "不良品"),
    ("ok", "ko"),
    ("OK", "NG"),
    ("Good", "not_good"),
    ("pass", "fail"),
    ("good images", "bad images"),
    ("01_good", "02_hole"),
    ("defect-free", "defect"),
    ("no_defect", "no_label"),
    ("NoDefects", "Defects"),
    ("undamaged", "damaged"),
    ("fehlerfrei", "Fehler"),
    ("i.O.", "n.i.O."),
    ("sans_défaut", "défaut"),
    ("conforme", "non_conforme"),
    ("bueno", "malo"),
    ("no_scratches", "scratches"),
    ("crack-free", "cracked"),
    ("ohne Kratzer", "ohne Etikett"),
    ("无划痕", "划痕"),
    ("合格產品", "不合格產品"),
    ("OK品", "NG品"),
    ("欠陥なし", "欠陥"),
    ("異常なし", "異常"),
    ("양호", "결함"),
    ("불량없음", "불량"),
    ("без_брака", "с_браком"),
    ("geen_defecten", "defecten"),
    ("utan_fel", "fel"),
    ("bez_vad", "vady"),
    ("prawidłowe", "nieprawidłowe"),
    ("fehlerfreie_Teile", "nicht_fehlerfrei"),
    ("unbeschädigt", "beschädigt"),
    ("virheetön", "viallinen"),
    ("correctas", "incorrectas"),
    ("defectless", "defects"),
]

LAYOUTS: dict[str, tuple[Callable[[Path], None], Listed]] = {
    **{name: toy(name) for name in MASKS},
    **{f"{good} and {bad}": split(good, bad) for good, bad in CLASSES},
    "hazelnut_toy": (
        hazelnut_toy,
        (
            ["good/1.png"],
            {
                "good: good/2.png": None,
                "colour: colour/0.jpg": "mask/colour/0.jpg",
                "crack: crack/0.jpg": "mask/crack/0.jpg",
            },
        ),
    ),
    "BTAD": (
        btad,
        (["train/ok/0.bmp"], {"good: test/ok/1.bmp": None, "ko: test/ko/2.bmp": "ground_truth/ko/2.png"}),
    ),
    "MVTec LOCO": (
        loco,
        (
            ["train/good/0.png"],
            {
                "good: test/good/0.png": None,
                "logical_anomalies: test/logical_anomalies/0.png": "ground_truth/logical_anomalies/0/000.png",
            },
        ),
    ),
    "MVTec AD 2": (
        ad2,
        (
            ["train/good/0_regular.png"],
            {
                "good: test_public/good/4_regular.png": None,
                "bad: test_public/bad/5_regular.png": "test_public/ground_truth/bad/5_regular_mask.png",
            },
        ),
    ),
    "VisA": (
        visa,
        (
            ["Images/Normal/1.JPG"],
            {"good: Images/Normal/2.JPG": None, "Anomaly: Images/Anomaly/1.JPG": "Masks/Anomaly/1.png"},
        ),
    ),
    "magnetic tiles": (
        magnetic_tiles,
        (["MT_Free/a.jpg"], {"good: MT_Free/b.jpg": None, "MT_Blowhole: MT_Blowhole/c.jpg": "MT_Blowhole/c.png"}),
    ),
    "KolektorSDD2": (
        kolektor,
        (
            ["train/10.png"],
            {"good: test/good/20.png": None, "defective: test/defective/30.png": "test/defective/30_GT.png"},
        ),
    ),
    "labels of everything": (
        labels_of_everything,
        (["Train/good/1.png"], {"good: Test/good/2.png": None, "dent: Test/dent/3.png": "labels/dent/3.png"}),
    ),
    "flat masks of everything": (
        flat_with_black,
        (["good/1.png"], {"good: good/2.png": None, "crack: crack/7.png": "masks/7.png"}),
    ),
    "folders side by side": (
        folders_side_by_side,
        (["good/1.png"], {"good: good/2.png": None, "crack: crack/7.png": "crack_masks/7.png"}),
    ),
    "German": (german, (["gut/1.png"], {"good: gut/2.png": None, "Kratzer: Kratzer/3.png": "Masken/Kratzer/3.png"})),
    "numbered names": (
        numbered_names,
        (
            ["good/image_1.png"],
            {
                "good: good/image_2.png": None,
                "crack: crack/8_img.png": "masks/8_label.png",
                "crack: crack/image_7.png": "masks/mask_7.png",
            },
        ),
    ),
    "photographs of labels": (
        photographs_of_labels,
        (
            ["good/3.jpg", "good/3.png", "good/label_1.png"],
            {
                "good: good/label_2.png": None,
                "wrong_label: wrong_label/2.png": None,
                "wrong_label: wrong_label/label_1.png": None,
            },
        ),
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_data_set_is_read_as_it_is_published(case: str, tmp_path: Path) -> None:
    build, expected = LAYOUTS[case]
    build(tmp_path)
    assert listed(folder(tmp_path)) == expected
