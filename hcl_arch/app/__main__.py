"""`python -m hcl_arch.app`."""

from hcl_arch.app import main

if __name__ == '__main__':
    main()
