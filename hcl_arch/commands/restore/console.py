"""Output of the running command: lines on standard error, and a bar for tiles if that is a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Callable, Optional, TextIO

from tqdm import tqdm

from hcl_arch.utils.safe_names import on_one_line

Progress = Callable[[int, int], None]
_LONGEST_BAR_NAME = 32


def shown(name: str) -> str:
    """Return a file's name on one line, printable in every terminal, whatever bytes it has."""
    return on_one_line(name).encode('utf-8', 'backslashreplace').decode('utf-8')


class Console:
    """Reports progress; a context manager.

    Args:
        quiet: report errors only.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._shows_bars = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._copy = _copy_of_stderr()
        self._stream: Optional[TextIO] = self._copy or sys.stderr  # None if the program was started without one

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *error: object) -> None:
        if self._copy is not None:
            with contextlib.suppress(OSError):  # the reader may be gone
                self._copy.close()

    def line(self, text: str) -> None:
        """Print a line that is not an error."""
        if not self._quiet:
            self._write(text)

    def error(self, text: str) -> None:
        """Print an error on one line."""
        self._write(f'Error: {text}')

    @contextlib.contextmanager
    def tiles(self, name: str) -> Iterator[Optional[Progress]]:
        """Return a callback for the number of finished tiles and of all tiles; None if nothing is displayed."""
        if not self._shows_bars:
            yield None
            return
        label = shown(name)
        if len(label) > _LONGEST_BAR_NAME:
            label = '...' + label[3 - _LONGEST_BAR_NAME :]
        with tqdm(desc=label, unit='tile', leave=False, file=self._stream, dynamic_ncols=True, mininterval=0) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield progress

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        # The reader may be gone, which is not a reason to stop.
        with contextlib.suppress(OSError, ValueError):
            encoding = self._stream.encoding or 'utf-8'
            print(text.encode(encoding, 'backslashreplace').decode(encoding), file=self._stream, flush=True)


def _copy_of_stderr() -> Optional[TextIO]:
    """Return a stream to the current target of standard error, see `library_noise`; None if it is not a file."""
    if sys.stderr is None:
        return None
    try:
        return open(os.dup(sys.stderr.fileno()), 'w', encoding=sys.stderr.encoding, errors='backslashreplace')
    except (OSError, ValueError):
        return None
