"""When an image counts as grey."""

from __future__ import annotations

LEVELS = 8  # of 255, ours: channels that differ by no more are grey. JPEG and a white balance leave some levels
