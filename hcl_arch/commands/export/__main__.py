"""`python -m hcl_arch.commands.export`, the same as `hcl-export`."""

from __future__ import annotations

from hcl_arch.commands.export.command import main

if __name__ == '__main__':
    main()
