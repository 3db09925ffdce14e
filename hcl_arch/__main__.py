"""`python -m hcl_arch`: say what commands there are; or run one, as in `python -m hcl_arch restore photo.jpg`.

Where a shell does not find the commands themselves, this is the way to them. `python -m hcl_arch completion` prints a
script that lets bash complete their options.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Optional

from hcl_arch.commands.listing import COMMANDS
from hcl_arch.utils.completion import completion_script
from hcl_arch.utils.version import __version__

_USAGE = 'usage: python -m hcl_arch COMMAND ..., or COMMAND ... alone; COMMAND --help says more'


def main(argv: Optional[Sequence[str]] = None) -> Any:
    """List the commands, or run one.

    Returns:
        The exit status: what the command returns; 2 for an unknown one.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ('-h', '--help', '--version'):
        print('\n'.join(_lines()))
        return 0
    wanted = arguments[0].removeprefix('hcl-')
    if wanted == 'completion':
        print(completion_script({command.name: command.make_parser() for command in COMMANDS}))
        return 0
    for command in COMMANDS:
        if command.name == f'hcl-{wanted}':
            sys.argv = [command.name, *arguments[1:]]
            return command.run()
    names = ', '.join(command.name for command in COMMANDS)
    print(f'python -m hcl_arch: error: no command {arguments[0]!r}; expected one of {names}', file=sys.stderr)
    return 2


def _lines() -> list[str]:
    width = max(len(command.name) for command in COMMANDS)
    listed = [f'  {command.name:{width}}  {command.purpose}' for command in COMMANDS]
    return [f'hcl_arch {__version__}: blind image inpainting', _USAGE, '', *listed, '', _completion_line()]


def _completion_line() -> str:
    return 'Completion in bash: add eval "$(python -m hcl_arch completion)" to ~/.bashrc'


if __name__ == '__main__':
    sys.exit(main())
