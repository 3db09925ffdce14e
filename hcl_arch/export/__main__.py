"""`python -m hcl_arch.export`, the same as `hcl-export`."""

from __future__ import annotations

from hcl_arch.export.command import main

if __name__ == '__main__':
    main()
