"""Packages of the extras, which an installation may lack: the error says what brings them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from hcl_arch.utils.errors import HCLError

_OURS = 'hcl_arch'
# Distributions that are called otherwise than what is imported.
_DISTRIBUTIONS = {'skimage': 'scikit-image'}


class MissingExtraError(HCLError, ModuleNotFoundError):
    """A package that one of our extras brings is not installed."""


@contextlib.contextmanager
def of_extra(extra: str, purpose: str) -> Iterator[None]:
    """Where another project's package is missing, say which extra brings it.

    Args:
        extra: Its name in setup.py.
        purpose: What needs the package, as the message begins; of nested ones the outermost counts.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or _OURS).partition('.')[0]
        if package == _OURS:
            raise
        missing = _DISTRIBUTIONS.get(package, package)
        # PyTorch comes with every extra, where the package is installed with what it requires.
        brings = 'torch' if package == 'torch' else f'"hcl-arch[{extra}]"'
        message = f'{purpose} needs {missing}, which is not installed: pip install {brings}'
        raise MissingExtraError(message, name=error.name) from error


@contextlib.contextmanager
def ends_without(extra: str, command: str) -> Iterator[None]:
    """Let a command whose extra is missing end with status 2 and one line."""
    try:
        with of_extra(extra, command):
            yield
    except MissingExtraError as error:
        print(f'{command}: error: {error}', file=sys.stderr)
        raise SystemExit(2) from None
