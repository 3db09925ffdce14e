"""`python -m hcl_arch.commands.app`."""

from hcl_arch.commands.app import main

if __name__ == '__main__':
    main()
