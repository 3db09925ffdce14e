"""Shared parts of the commands' command lines."""

from __future__ import annotations

import argparse
import mimetypes
import os
from typing import Any, NoReturn

from hcl_arch.utils.version import __version__


class CommandParser(argparse.ArgumentParser):
    """A parser with `--version`, whose errors are one line without the usage."""

    def __init__(self, *, prog: str | None = None, description: str | None = None, **settings: Any) -> None:
        settings = {'formatter_class': argparse.RawDescriptionHelpFormatter, 'allow_abbrev': False, **settings}
        super().__init__(prog=prog, description=description, **settings)
        self.add_argument('--version', action='version', version=f'{self.prog} {__version__}')

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f'{self.prog}: error: {" ".join(message.split())}\n')


def whole_number(least: int, most: int | None = None) -> Any:
    """Return an argparse type for integers of at least `least` and, if given, at most `most`."""
    words = f'of at least {least}' if most is None else f'from {least} to {most}'

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"expected a whole number {words}, got '{text}'")
        return number

    return parse


def names_a_file(place: str | os.PathLike[str]) -> bool:
    """Whether the name of an output to be made ends as that of a known kind of file, so no folder should get it.

    A / at its end says that a folder is meant, and so does a folder of this name.
    """
    place = os.fspath(place)
    suffix = os.path.splitext(place)[1].lower()
    # Python's own table: that of the system differs from machine to machine.
    return suffix in mimetypes.MimeTypes().types_map[True] and not os.path.isdir(place)
