"""Checks that names from a file (a list, the keys of an LMDB) do not lead out of their folder."""

from __future__ import annotations

import os
import re
import unicodedata

_DRIVE = re.compile(r'[A-Za-z]:')


def name_fault(name: str) -> str | None:
    """Return what is wrong with a relative name with '/' between its parts, None if nothing.

    Windows' forms are refused on all systems, since data sets move between systems.

    >>> name_fault('../secret')
    "'..' leads out of the folder"
    >>> name_fault('val/000001') is None
    True
    """
    if not name:
        return 'it is empty'
    if any(unicodedata.category(char) in ('Cc', 'Cs') for char in name):
        return 'it holds a control character'
    if name.startswith(('/', '\\')) or _DRIVE.match(name) or os.path.isabs(name):
        return 'it is an absolute path'
    if '..' in re.split(r'[/\\]', name):
        return "'..' leads out of the folder"
    return None


def on_one_line(name: str) -> str:
    """Return a name with control characters escaped as in Python, for lists with one name per line."""
    return ''.join(
        char.encode('unicode_escape').decode('ascii') if unicodedata.category(char) == 'Cc' else char for char in name
    )
