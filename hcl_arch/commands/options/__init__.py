"""Command `hcl-options`: the option files and preparation scripts of this package, where there is no clone of it.

    hcl-options                               lists them
    hcl-options train_hcl_places              writes options/train_hcl_places.yml
    hcl-options prepare_images -o training/   writes training/datasets_prep/prepare_images.py, and what it imports

The folders are those of a clone, so the commands of the documentation fit. Nothing is overwritten.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.commands.options.files import FileError, copy_out, listing
from hcl_arch.utils.command_line import CommandParser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        argv: The arguments; None: those of the program.

    Returns:
        The exit status: 0, or 2 if nothing was written, of which one line on standard error says why.
    """
    arguments = make_parser().parse_args(argv)
    try:
        lines = copy_out(arguments.names, arguments.output) if arguments.names else listing()
    except FileError as error:
        print(f'hcl-options: error: {error}', file=sys.stderr)
        return 2
    print('\n'.join(lines))
    return 0


def make_parser() -> CommandParser:
    """The parser of the command line."""
    parser = CommandParser(prog='hcl-options', description=__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help='of files to write, with or without folder and ending')
    parser.add_argument('-o', '--output', type=Path, default=Path(), metavar='FOLDER', help='default: this folder')
    return parser
