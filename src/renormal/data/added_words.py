"""Images that are named as another one with a word added, as 000_depth next to 000: they may be no photographs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

WITH_WORDS = re.compile(r"(.+?)((?:[ _.-]+[^\W\d_]+)+)")
LEAST = 2  # images with one word, ours


def added_words(folders: Iterable[Sequence[Path]]) -> list[str]:
    """A line for each word that at least LEAST images have more than another image of their folder."""
    found = defaultdict[str, list[Path]](list)
    for images in folders:
        stems = {image.stem for image in images}
        for image in images:
            match = WITH_WORDS.fullmatch(image.stem)
            if match and match[1] in stems:
                found[match[2]].append(image)
    mend = "each counts as a photograph; move them elsewhere if they are none"
    return [
        f"{len(images)} images are named as the image next to them with {word} ({images[0]}): {mend}"
        for word, images in found.items()
        if len(images) >= LEAST
    ]
