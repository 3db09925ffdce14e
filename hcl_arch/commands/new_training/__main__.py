"""`python -m hcl_arch.commands.new_training`."""

from __future__ import annotations

from hcl_arch.commands.new_training import main

if __name__ == '__main__':
    main()
