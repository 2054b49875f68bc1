"""`python -m renormal.settings`: every setting with its values and its meaning."""

from __future__ import annotations

import sys

from renormal.files import CONF
from renormal.settings.table import page

if __name__ == "__main__":
    sys.stdout.write(page(CONF))
