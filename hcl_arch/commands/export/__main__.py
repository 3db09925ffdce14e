"""`python -m hcl_arch.commands.export`, the same as `hcl-export`."""

from __future__ import annotations

import sys

from hcl_arch.commands.export import main

if __name__ == '__main__':
    sys.exit(main())
