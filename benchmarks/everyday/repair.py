"""Measure repairs of everyday corruption; `--help` says how."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == '__main__':
    # A script's own folder comes first in the path; the package is one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from everyday.repair_command import main

    main()
