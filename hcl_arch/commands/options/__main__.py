"""`python -m hcl_arch.commands.options`, the same as `hcl-options`."""

from __future__ import annotations

import sys

from hcl_arch.commands.options import main

if __name__ == '__main__':
    sys.exit(main())
