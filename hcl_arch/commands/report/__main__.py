"""`python -m hcl_arch.commands.report`, the same as `hcl-report`."""

from __future__ import annotations

from hcl_arch.commands.report import main

if __name__ == '__main__':
    main()
