"""`python -m hcl_arch.commands.preview`."""

from __future__ import annotations

from hcl_arch.commands.preview import main

if __name__ == '__main__':
    main()
