"""Trial builds from options, without memory or files, and without effect on anything that other threads see."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Callable, Optional

import torch
from torch import nn

from hcl_arch.utils.apart import Apart

# Errors raised deliberately by constructors, and those of layers that do not fit their input.
ON_PURPOSE = (ValueError, TypeError, AssertionError)
OF_LAYERS = (*ON_PURPOSE, RuntimeError, IndexError)
# Words in errors specific to torch's `meta` device, which holds shapes and no numbers.
_LIMITS = ('meta', 'scalartype', 'not implemented for')
_LOGGER = 'basicsr'
# Names by which constructors load or download weights.
_LOADERS = {'load', 'load_state_dict_from_url', 'load_url', 'download_url_to_file', 'load_file_from_url', 'urlopen'}


def try_out(
    action: Callable[[], Any], *, told: tuple[type[Exception], ...] = (Exception,)
) -> tuple[Any, Optional[str]]:
    """Run an action on torch's `meta` device, in this thread alone.

    Args:
        action: builds or calls a network or loss that loads no files, see `loads_files`.
        told: the errors caused by the options; others may come from code that needs a real device.

    Returns:
        Its result, and what is wrong; None and None if that cannot be determined.
    """
    try:
        with Apart('meta'), torch.no_grad():
            return action(), None
    except told as error:
        text = str(error)
        # A KeyError's text is only the key.
        text = f'{type(error).__name__}: {text}' if len(text.split()) < 2 else text
        return None, None if any(limit in text.lower() for limit in _LIMITS) else text
    except Exception:
        return None, None


def loads_files(kind: type, seen: frozenset[type] = frozenset()) -> bool:
    """Whether the constructor of a network, or of one that it names, loads or downloads weights."""
    for constructor in (vars(base).get('__init__') for base in kind.__mro__):
        code: Any = getattr(constructor, '__code__', None)
        if code is None:
            continue
        if _LOADERS & set(code.co_names):
            return True
        named = [getattr(constructor, '__globals__', {}).get(name) for name in code.co_names]
        parts = {part for part in named if isinstance(part, type) and issubclass(part, nn.Module)} - seen - {kind}
        if any(loads_files(part, seen | {kind, *parts}) for part in parts):
            return True
    return False


@contextlib.contextmanager
def quiet_process() -> Iterator[None]:
    """Print, warn and log nothing, and leave BasicSR's logger to the pipeline: for commands, whose process it is."""
    log = logging.getLogger(_LOGGER)
    # BasicSR's logger must not be set up before the pipeline sets its file.
    known = getattr(sys.modules.get('basicsr.utils.logger'), 'initialized_logger', {})
    is_new, was_disabled = _LOGGER not in known, log.disabled
    log.disabled = known[_LOGGER] = True
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        log.disabled = was_disabled
        if is_new:
            known.pop(_LOGGER, None)
