"""A procedural stand-in for MVTec AD: the same names, kinds and layout, drawn from a seed."""

from renormal.data.rehearsal.categories import CATEGORIES
from renormal.data.rehearsal.write import VERSION, Pair, render_pair, write_category

__all__ = ["CATEGORIES", "VERSION", "Pair", "render_pair", "write_category"]
