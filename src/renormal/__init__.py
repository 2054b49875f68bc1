"""renormal makes images normal again: energy-based projection on a learned manifold (arXiv 2002.03734)."""
