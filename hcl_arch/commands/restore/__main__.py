"""`python -m hcl_arch.commands.restore`, the same as `hcl-restore`."""

from __future__ import annotations

import sys

from hcl_arch.commands.restore import main

if __name__ == '__main__':
    sys.exit(main())
