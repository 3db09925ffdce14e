"""`python -m hcl_arch.restore`: the command `hcl-restore`.

Nothing imports this module: `hcl_arch.restore` is the function of that name.
"""

from __future__ import annotations

import sys

from hcl_arch.commands.restore import main

if __name__ == '__main__':
    sys.exit(main())
