"""Trial builds from options, without memory or files, and without effect on logs or random numbers."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Callable, Optional
from unittest import mock

import torch

# Errors raised deliberately by constructors, and those of layers that do not fit their input.
ON_PURPOSE = (ValueError, TypeError, AssertionError)
OF_LAYERS = (*ON_PURPOSE, RuntimeError, IndexError)
# Words in errors specific to torch's `meta` device, which holds shapes and no numbers.
_LIMITS = ('meta', 'scalartype', 'not implemented for')
_LOGGER = 'basicsr'
_LOADERS = ((torch, 'load'), (torch.hub, 'download_url_to_file'), (urllib.request, 'urlopen'))


class _FileWantedError(Exception):
    """Something tries to load weights; the options are then not tried any further."""


def try_out(
    action: Callable[[], Any], *, told: tuple[type[Exception], ...] = (Exception,)
) -> tuple[Any, Optional[str]]:
    """Run an action on torch's `meta` device.

    Args:
        action: builds or calls a network or loss.
        told: the errors caused by the options; others may come from code that needs a real device.

    Returns:
        Its result, and what is wrong; None and None if that cannot be determined.
    """
    try:
        with _without_traces(), torch.device('meta'), torch.no_grad():
            return action(), None
    except _FileWantedError:
        return None, None
    except told as error:
        text = str(error)
        # A KeyError's text is only the key.
        text = f'{type(error).__name__}: {text}' if len(text.split()) < 2 else text
        return None, None if any(limit in text.lower() for limit in _LIMITS) else text
    except Exception:
        return None, None


@contextlib.contextmanager
def _without_traces() -> Iterator[None]:
    """Keep random states and loggers as they are, print nothing, load and download nothing."""
    log = logging.getLogger(_LOGGER)
    # BasicSR's logger must not be set up before the pipeline sets its file.
    known = getattr(sys.modules.get('basicsr.utils.logger'), 'initialized_logger', {})
    pretend = {} if _LOGGER in known else {_LOGGER: True}
    was_disabled, log.disabled = log.disabled, True
    changes: tuple[AbstractContextManager[Any], ...] = (
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
        contextlib.redirect_stdout(io.StringIO()),
        mock.patch.dict(known, pretend),
        *(mock.patch.object(module, name, _refuse) for module, name in _LOADERS),
    )
    try:
        with contextlib.ExitStack() as stack:
            for change in changes:
                stack.enter_context(change)
            warnings.simplefilter('ignore')
            yield
    finally:
        log.disabled = was_disabled


def _refuse(*_: Any, **__: Any) -> Any:
    raise _FileWantedError
