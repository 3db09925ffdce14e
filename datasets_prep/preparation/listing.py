"""Listing of the image files in a source folder, with a report on other files."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence

from hcl_arch.data.storage.folder_walk import walk_files
from hcl_arch.data.storage.image_root import IMAGE_EXTENSIONS
from preparation.items import PreparationError


def list_images(folder: str) -> list[str]:
    """Return the image files below a folder, relative to it with '/' as separator, sorted, without hidden ones.

    Prints how many files with other extensions were skipped.

    Raises:
        PreparationError: there is no such folder, a folder in it cannot be listed, or it contains no image.
    """
    if not os.path.isdir(folder):
        found = 'a file' if os.path.exists(folder) else 'nothing'
        raise PreparationError(f'{folder}: expected a folder of images, found {found}. Correct the path.')
    names, others = [], Counter[str]()
    try:
        for name in walk_files(folder):
            if name.lower().endswith(IMAGE_EXTENSIONS):
                names.append(name)
            else:
                others[posixpath.splitext(name)[1].lower() or 'without extension'] += 1
    except OSError as error:
        raise PreparationError(str(error)) from error
    if not names:
        raise PreparationError(
            f'{folder}: expected images ({", ".join(IMAGE_EXTENSIONS)}) in the folder or below it, '
            f'found {describe_folder(folder)}. Correct the path.'
        )
    if others:
        listed = ', '.join(f'{extension} {count}' for extension, count in others.most_common())
        print(f'{folder}: files passed over, no images by their extensions: {listed}')
    names.sort()
    return names


def describe_folder(folder: str, *, limit: int = 5) -> str:
    """Return a description of a folder's content: "the entries 'a', 'b' and 12 more"."""
    if not os.path.isdir(folder):
        return 'a file' if os.path.exists(folder) else 'nothing'
    names = sorted(os.listdir(folder))
    if not names:
        return 'an empty folder'
    shown = ', '.join(f"'{name}'" for name in names[:limit])
    rest = len(names) - limit
    return f'the {"entry" if len(names) == 1 else "entries"} {shown}' + (f' and {rest} more' if rest > 0 else '')


def check_layout(folder: str, names: Sequence[str], pattern: str, layout: str) -> None:
    """Compare the relative paths of a folder's images with the layout of the data set.

    Args:
        folder: the source folder.
        names: its image files, as returned by `list_images`.
        pattern: regular expression that each whole name must match.
        layout: the layout, described or as an example, for the message.

    Raises:
        PreparationError: a name does not match; names the first such file and the folder's entries.
    """
    expression = re.compile(pattern)
    other = next((name for name in names if not expression.fullmatch(name)), None)
    if other is not None:
        raise PreparationError(
            f"{folder}: expected {layout}, found '{other}' (the folder holds "
            f'{describe_folder(folder)}). Give the folder that has this layout.'
        )


def check_count(found: int, expected: int, what: str, *, allow_missing: bool) -> None:
    """Compare a number of files with the published one.

    Args:
        found: number of files.
        expected: the published number.
        what: what is counted and where, e.g. 'images in ffhq/images1024x1024'.
        allow_missing: only print a warning if they differ.

    Raises:
        PreparationError: they differ.
    """
    if found == expected:
        return
    message = f'expected {expected:,} {what}, found {found:,}'
    if not allow_missing:
        raise PreparationError(f'{message}. Complete the data set, or go on with what is there by --allow-missing.')
    print(f'Warning: {message}.')
