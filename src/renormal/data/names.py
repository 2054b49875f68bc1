"""What the name of a folder or a file says: good parts, masks, training, test, or nothing known.

A name is compared without case, accents, digits, separators and words like "images": `01_Good`, `good images` and
`GOOD` are one name.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["good", "doubtful", "mask", "train", "test", "unread", "images", "other"]


def _set(words: str) -> frozenset[str]:
    return frozenset(_plain(words).split())


def _plain(text: str) -> str:
    """In lower case, without accents: й is и."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", apart)).casefold()


PICTURES = _set(
    "image images img imgs picture pictures photo photos photograph photographs pic pics bild bilder foto fotos "
    "immagini imagenes imagens data dataset"
)
NEUTRAL = PICTURES | _set("part parts piece pieces sample samples product products set folder teil teile")
NEUTRAL_ENDINGS = (
    "图片",
    "图像",
    "照片",
    "样本",
    "样品",
    "产品",
    "圖片",
    "圖像",
    "樣本",
    "樣品",
    "產品",
    "画像",
    "写真",
    "이미지",
    "사진",
)
GOOD_NAMES = _set(
    "good goods normal normals ok okay okey pass passed intact healthy free clean correct conform conforming compliant "
    "accepted acceptable undamaged flawless faultless spotless perfect nominal golden "
    "gut gute guter gutes gesund gesunde gutteil gutteile io inordnung einwandfrei fehlerlos makellos "
    "bon bons bonne bonnes conforme conformes sain saine sains saines normale normales normaux "
    "bueno buenos buena buenas sano sanos correcto bom boa bons boas buono buoni buona buone sani goed goede "
    "bien correcta correctos correctas intacto intacta intakt unbeschadigt unauffallig normaal goedgekeurd godkand "
    "godkendt hyva hyvaksytty virheeton prawidłowe sprawne dobry dobre dobra hibatlan iyi saglam kusursuz hatasiz "
    "normalny норма нормальные нормальный хорошие хороший хорошо годные годен годный исправные исправный исправно "
    "正常 正常品 良品 良好品 合格 合格品 良好 完好 好 好品 良 正品 ok品 無傷 정상 양품 양호"
)
DEFECT_WORDS = (
    "(defect|defects|defective|defected|fault|faults|faulty|flaw|flaws|damage|damages|damaged|anomaly|anomalies|"
    "anomalous|abnormality|abnormalities|error|errors|broken|cracked|fehler|defekt|defekte|schaden|defaut|defauts|anomalie|"
    "defecto|defectos|defeito|defeitos|difetto|difetti|defecten|fouten|fel|vad|wad|дефектов|дефекта|брака|"
    "scratch|scratches|scratched|crack|cracks|dent|dents|stain|stains|rust|corrosion|burr|burrs|blowhole|blowholes|fray|"
    "bubble|bubbles|blister|blisters|contamination|contaminations|dirt|dust|pits|pores|tear|tears|wrinkle|wrinkles|"
    "smudge|smudges|blemish|blemishes|kratzer|riss|risse|delle|dellen|flecken|rost|beschadigung|beschadigungen|mangel|"
    "rayure|rayures|fissure|fissures|tache|taches|rasguno|rasgunos|grieta|grietas|graffi|graffio|crepa|crepe)"
)
WITHOUT = re.compile(
    f"(no|non|not|un|zero|without|ohne|keine?|sans|sin|sem|senza|geen|zonder|utan|bez|без){DEFECT_WORDS}"
)
WITHOUT_CHINESE = re.compile("[无無没](有)?(缺陷|瑕疵|异常|異常|损伤|不良|欠陥|划痕|裂纹|污渍|凹陷|破损)")
WITHOUT_ENDING = re.compile("(欠陥|異常|不良|傷|キズ)(なし|無し)|(결함|불량|이상)(없음)")
FREE = re.compile(
    f"({DEFECT_WORDS}|.{{0,2}})(free|freie?[mnrs]?)|{DEFECT_WORDS}less"
)  # defect-free, fehlerfrei, MT_Free; not label_free
DEFECTIVE_WORDS = _set(
    "nok ng ko bad defect defects defective defekt fault faulty fail failed reject rejected scrap anomaly anomalous "
    "abnormal damaged schlecht schlechtteil ausschuss nio 不良 不良品 不合格 缺陷 异常 불량 брак"
)
NEGATED = _set("no non not un n in nicht kein pas не")  # before a word for good: a defect
MASK_WORDS = _set(
    "mask masks label labels gt gts groundtruth groundtruths ground truth truths annotation annotations annot annots "
    "seg segs segmentation segmentations segmentationclass outline outlines maske masken masque masques mascara "
    "mascaras maschera maschere 掩码 掩膜 掩模 标注 标签 标记 缺陷标注 缺陷掩码 マスク 마스크 라벨"
)
WITH_MASK_WORDS = _set("binary class pixel pixelwise pixels defect defects defective anomaly bad test")  # defect_masks
TRAIN_NAMES = _set("train training trainings trn entrainement entrenamiento 训练 训练集 学習 훈련")
TEST_NAMES = _set("test testing tests testpublic prueba 测试 测试集 テスト 시험")  # test_public: MVTec AD 2
UNREAD_NAMES = _set(  # good images to tune on, or images without labels (MVTec AD 2)
    "validation valid val dev validate validierung eval evaluation 验证 验证集 検証 testprivate testprivatemixed "
    "unlabeled unlabelled"
)

WORDS = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
MASK_WORD = re.compile(  # with no letter next to it
    r"(?<![^\W\d_])(?:masks?|labels?|lbl|gt|ground[ _-]?truth|truth|anno|annot|annotated|annotations?|"
    r"segm?|segmentation|maske|masque)"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)
SEPARATORS = " _.-()[]"
AFTER_MASK = _set("binary bin final copy new fine ids defect v")  # 000_mask_binary
IMAGE_ENDING = re.compile(r"(?P<rest>.+?)(?:[ _.\-]+|(?<=\d))(?:image|img|orig|original|photo|rgb)", re.IGNORECASE)
IMAGE_PREFIX = re.compile(r"(?:image|img|orig|original|photo|rgb)(?:[ _.\-]+|(?=\d))(?P<rest>.+)", re.IGNORECASE)


def words_in(name: str) -> list[str]:
    """Its words in lower case, without accents, digits and neutral words."""
    found = WORDS.findall(_plain(CAMEL.sub(" ", unicodedata.normalize("NFKC", name))))
    return [word for word in map(_without_ending, found) if word and word not in NEUTRAL]


def _without_ending(word: str) -> str:
    return next((word.removesuffix(end) for end in NEUTRAL_ENDINGS if word.endswith(end)), word)


def role(name: str) -> Role:
    """What a folder of this name holds. doubtful: good parts or a defect, which a person must say."""
    words = words_in(name)
    key = "".join(words)
    for kind, names in (("train", TRAIN_NAMES), ("test", TEST_NAMES), ("unread", UNREAD_NAMES)):
        if key in names:
            return kind  # type: ignore[return-value]
    if _is_mask(words):
        return "mask"
    if _is_good(words, key):
        return "good"
    if not key and PICTURES & set(WORDS.findall(name.casefold())):
        return "images"
    named = GOOD_NAMES & set(words) or key.endswith(("free", "frei"))  # label_free: without a defect, or with one?
    return "doubtful" if named and not NEGATED & set(words) else "other"


def _is_mask(words: list[str]) -> bool:
    return bool(MASK_WORDS & set(words)) and set(words) <= MASK_WORDS | WITH_MASK_WORDS


def _is_good(words: list[str], key: str) -> bool:
    without = next((found for one in (WITHOUT, WITHOUT_CHINESE, WITHOUT_ENDING) if (found := one.fullmatch(key))), None)
    free = FREE.fullmatch(key) and not NEGATED & set(words)
    return key in GOOD_NAMES or bool(without or free)


def says_good(stem: str) -> bool:
    """Whether a file of this name calls itself a good part: OK_001, 7_good, img_defect_free_3."""
    words = words_in(stem)
    return _is_good(words, "".join(words)) or bool(words and {words[0], words[-1]} & GOOD_NAMES and not _negated(words))


def says_defective(stem: str) -> bool:
    """Whether a file of this name calls itself defective: NOK_001, not_ok_7, n.i.O._3."""
    words = words_in(stem)
    if _is_good(words, "".join(words)):
        return False
    return bool({*words, "".join(words)} & DEFECTIVE_WORDS or (_negated(words) and GOOD_NAMES & set(words)))


def names_defect(name: str) -> bool:
    """Whether a folder of this name says that its parts are defective: crack, bad_train, Fehler 2. Not new, mixed."""
    return says_defective(name) or any(re.fullmatch(DEFECT_WORDS, word) for word in words_in(name))


def _negated(words: list[str]) -> bool:
    return bool(NEGATED & set(words))


def masks_of(name: str) -> str | None:
    """scratch_mask → scratch: the name of the folder whose masks a folder of this name holds."""
    return next(iter(_without_mask(name)), None)


def image_names(stem: str) -> tuple[str, ...]:
    """The names under which a mask may know this image, the best first, in lower case."""
    rest = _rest(stem, IMAGE_ENDING, IMAGE_PREFIX)
    return (stem.casefold(),) if rest is None else (stem.casefold(), rest.casefold())


def mask_names(stem: str) -> tuple[str, ...]:
    """The names of the image that a mask of this name may belong to, the best first, in lower case."""
    once = _without_mask(stem)
    twice = [again for one in once for again in _without_mask(one)]  # 000_gt_mask
    inner = [name for rest in (*once, *twice) for name in image_names(rest)]
    return (stem.casefold(), *inner) if inner else image_names(stem)


def says_mask(stem: str) -> bool:
    """Whether a file of this name calls itself a mask: 000_mask, 000-GT, mask_000, 000.label, part_mask_000."""
    return bool(_without_mask(stem))


def _without_mask(name: str) -> list[str]:
    """The name without its last word for masks; also without what follows it: 000_mask_1, 000_mask_binary."""
    if not (found := list(MASK_WORD.finditer(name))):
        return []
    start, end = found[-1].span()
    before, after = name[:start].rstrip(SEPARATORS), name[end:].lstrip(SEPARATORS)
    if not before or not after:
        return [before + after] if before + after else []
    separator = name[len(before) : start] or name[end : len(name) - len(after)]
    return [before + separator + after, *([before] if set(WORDS.findall(after.casefold())) <= AFTER_MASK else [])]


def _rest(name: str, *patterns: re.Pattern[str]) -> str | None:
    found = (pattern.fullmatch(name) for pattern in patterns)
    return next((match["rest"] for match in found if match), None)
