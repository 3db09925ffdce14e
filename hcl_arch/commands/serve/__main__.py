"""`python -m hcl_arch.commands.serve`."""

from hcl_arch.commands.serve import main

if __name__ == '__main__':
    main()
