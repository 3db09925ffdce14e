"""Setting for the C library's allocation of large tensors on a CPU."""

from __future__ import annotations

import ctypes
import os
import sys

# Of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# Feature maps of up to 1024 x 1024 pixels are mostly smaller; those of larger images, where memory is scarce, are still
# returned at once.
_LARGEST_KEPT = 2**29
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc keep the memory of freed tensors for the next ones, instead of returning it to the system.

    By default every block from 32 MiB up comes fresh from the system and is zeroed page by page, which costs more than
    most computations on it. The setting is process-wide, so it is up to programs, not libraries; the commands
    `hcl-train` and `hcl-test` use it. If a glibc environment variable such as ``MALLOC_MMAP_THRESHOLD_`` is set, the
    user has decided and nothing is done.

    Returns:
        Whether anything was done; never outside Linux or with another C library.
    """
    if not sys.platform.startswith('linux') or any(name.startswith('MALLOC_') for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT))
