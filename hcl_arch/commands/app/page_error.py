"""Errors that are shown to a visitor of the page."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Iterator
from typing import Any, Callable

from hcl_arch.utils.errors import HCLError

_log = logging.getLogger(__name__)
# Messages of unforeseen exceptions must not be shown: they can contain paths of the machine.
UNFORESEEN = 'Something went wrong here. The terminal in which hcl-app runs says what.'

Updates = dict[Any, Any]
Handler = Callable[..., Iterator[Updates]]


class PageError(HCLError):
    """An error shown to the visitor, in plain words and without any path of this machine."""


def error_html(message: str) -> str:
    """A message as HTML for the status lines."""
    return f'<span class="hcl-error" role="alert">{html.escape(message)}</span>'


def plain_errors(handler: Handler) -> Handler:
    """Make a tab's handler report errors in the tab's status line.

    Args:
        handler: a generator method of an object with a component `status`; it yields dictionaries of updates.
    """

    @functools.wraps(handler)
    def guarded(tab: Any, *arguments: Any) -> Iterator[Updates]:
        try:
            yield from handler(tab, *arguments)
        except PageError as error:
            yield {tab.status: error_html(str(error))}
        except MemoryError:
            yield {tab.status: error_html('There is not enough memory for this photograph. Try a smaller one.')}
        except Exception:
            _log.exception('the page failed in %s', handler.__name__)
            yield {tab.status: error_html(UNFORESEEN)}

    return guarded
