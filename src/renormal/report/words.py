"""Words for keys of a record whose names say too little beside each other."""

from __future__ import annotations

from renormal.console.text import readable

WORDS = {
    "threshold": "stop threshold",  # of a projection, not the one of renormal-predict
    "final_loss": "training loss, last epoch",
    "held_out_training_loss": "training loss, held-out images",
    "held_out_loss": "L_r of f(x₀), held-out images",
}


def word(key: str) -> str:
    """What the page calls a number of a projection or of a training."""
    return WORDS.get(key) or readable(key)
