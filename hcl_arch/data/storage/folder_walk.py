"""Walk through a folder and its subfolders, including those behind links, each once."""

from __future__ import annotations

import os
from collections.abc import Iterator


def walk_files(folder: str) -> Iterator[str]:
    """Yield the files below `folder`, relative to it with '/' as separator, in no particular order.

    Links are followed, even out of the folder: people link data sets together (see SECURITY.md for the consequences).

    Hidden files and folders are skipped: copying from a Mac leaves '._name.jpg' beside each 'name.jpg', which is not an
    image. A folder that can be reached in several ways, by a link to a neighbour or to a folder above, is visited once,
    and under its own name if it has one below `folder`.

    Raises:
        OSError: a folder cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    own, links = [''], list[str]()
    while own or links:
        prefix = own.pop() if own else links.pop()
        path = os.path.join(folder, prefix)
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in _list_folder(path):
            if entry.name.startswith('.'):
                continue
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                (links if entry.is_symlink() else own).append(f'{prefix}{entry.name}/')
            else:
                yield prefix + entry.name
        links.sort(reverse=True)  # of two links to one folder, every run takes the first by name


def _list_folder(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError as error:
        where = path.rstrip(os.sep) or path
        raise OSError(f'{where}: cannot be listed ({error.strerror}). Allow reading it.') from error
