"""`python -m hcl_arch.integrations.ray`."""

from __future__ import annotations

import sys

from hcl_arch.integrations.ray import main

if __name__ == '__main__':
    sys.exit(main())
