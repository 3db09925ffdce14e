"""`python -m hcl_arch.commands.convert`, the same as `hcl-convert`."""

from __future__ import annotations

from hcl_arch.commands.convert import main

if __name__ == '__main__':
    main()
