"""Names of images in a prepared data set."""

from __future__ import annotations

import os
import re
import unicodedata

# LMDB's own limit, which its Python package cannot change.
MAX_KEY_LENGTH = 511
# File systems allow names of 255 bytes; extension and '.partial' need some of them.
MAX_PART_LENGTH = 240
# ASCII because BasicSR encodes keys as ASCII; no '.' because its readers cut a line of meta_info.txt at the first one.
# A space is allowed inside a name, but not at its ends, where readers strip it.
_PART = r'[A-Za-z0-9_()+,=@~-](?:[A-Za-z0-9_()+,=@~ -]*[A-Za-z0-9_()+,=@~-])?'
KEY_PATTERN = re.compile(rf'{_PART}(?:/{_PART})*')
_REPLACED = re.compile(r'[^A-Za-z0-9_()+,=@~ /-]')


def key_of(path: str) -> str:
    """Return the key of a relative path: without its extension, and with invalid characters replaced.

    Letters lose their accents, other letters become 'u' and their code point in hexadecimal, everything else '_'. Two
    paths may get the same key (`a.b.png` and `a_b.png`); `prepare` then refuses them and names both.

    >>> key_of('Zürich/IMG 1.5 (2).JPG')
    'Zurich/IMG 1_5 (2)'
    """
    stem = os.path.splitext(path.replace(os.sep, '/'))[0]
    replaced = _REPLACED.sub('_', stem if stem.isascii() else _ascii_letters(stem))
    return '/'.join(_without_outer_spaces(part) for part in replaced.split('/') if part)


def _ascii_letters(text: str) -> str:
    decomposed = unicodedata.normalize('NFKD', text)
    return ''.join(
        f'u{ord(char):x}' if ord(char) > 127 and char.isalnum() else char
        for char in decomposed
        if not unicodedata.combining(char)
    )


def _without_outer_spaces(part: str) -> str:
    inner = part.strip(' ')
    head = len(part) - len(part.lstrip(' '))
    return '_' * head + inner + '_' * (len(part) - head - len(inner))


def key_fault(key: str, *, for_files: bool = False) -> str | None:
    """Return what is wrong with a key, with `for_files` also as the path of a file; None if nothing."""
    if not KEY_PATTERN.fullmatch(key):
        return "expected letters, digits, '_', '-', '/' and inner spaces, without '.' (key_of makes such keys)"
    if len(key) > MAX_KEY_LENGTH:
        return f'expected at most {MAX_KEY_LENGTH} characters, the limit of LMDB, found {len(key)}'
    longest = max(map(len, key.split('/')))
    if for_files and longest > MAX_PART_LENGTH:
        return (
            f'expected at most {MAX_PART_LENGTH} characters for the name of a file or folder, found {longest}. '
            'Rename the source, or write an LMDB'
        )
    return None
