"""Errors that are shown to a visitor of the page."""

from __future__ import annotations

import logging

from hcl_arch.utils.errors import HCLError

_log = logging.getLogger(__name__)
# Messages of unforeseen exceptions must not be shown: they can contain paths of the machine.
UNFORESEEN = 'Something went wrong here. The terminal in which hcl-app runs says what.'
NO_MEMORY = 'There is not enough memory for this photograph. Try a smaller one.'


class PageError(HCLError):
    """An error shown to the visitor, in plain words and without any path of this machine."""


def worded(error: BaseException) -> str:
    """Return what a visitor is told of an error; an unforeseen one is logged."""
    if isinstance(error, PageError):
        return str(error)
    if isinstance(error, MemoryError):
        return NO_MEMORY
    _log.error('the page failed', exc_info=error)
    return UNFORESEEN
