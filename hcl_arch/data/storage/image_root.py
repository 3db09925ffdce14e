"""One place that holds encoded images: a folder of files, or an LMDB folder in BasicSR's layout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from hcl_arch.data.storage.folder_walk import walk_files
from hcl_arch.data.storage.lmdb_reader import list_lmdb_keys, read_lmdb_value
from hcl_arch.data.storage.packed_strings import PackedStrings
from hcl_arch.utils.regular_file import read_regular_file, reason_of
from hcl_arch.utils.unreadable_image import UnreadableImageError

IMAGE_EXTENSIONS = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
LMDB_SUFFIX = '.lmdb'


@dataclass(frozen=True)
class FolderRoot:
    """A folder of image files.

    Attributes:
        path: the folder.
        keys: the files, relative to it, in sorted order.
    """

    path: str
    keys: Sequence[str]

    def path_of(self, index: int) -> str:
        """Return the path of file `index`."""
        return os.path.join(self.path, self.keys[index])

    def identity_of(self, index: int) -> str:
        """Return a text that is equal for two entries if they are the same file, even through a link."""
        return os.path.realpath(self.path_of(index))

    def read_bytes(self, index: int) -> bytes:
        """Return the content of file `index`.

        Raises:
            UnreadableImageError: it cannot be read, or is not a regular file: reading a pipe could block forever.
        """
        path = self.path_of(index)
        try:
            return read_regular_file(path)
        except OSError as error:
            reason = f'the file cannot be opened ({reason_of(error)}). Restore it, or remove it.'
            raise UnreadableImageError(reason, path) from error


@dataclass(frozen=True)
class LmdbRoot:
    """An LMDB folder with `data.mdb` and `meta_info.txt`.

    Attributes:
        path: the LMDB folder.
        keys: its keys, in the order of `meta_info.txt`.
    """

    path: str
    keys: Sequence[str]

    def path_of(self, index: int) -> str:
        """Return 'path/key' of entry `index`."""
        return f'{self.path}/{self.keys[index]}'

    def identity_of(self, index: int) -> str:
        """Return a text that is equal for two entries if they are the same entry of the same LMDB."""
        return f'{os.path.realpath(self.path)}/{self.keys[index]}'

    def read_bytes(self, index: int) -> bytes:
        """Return the value of entry `index`.

        Raises:
            UnreadableImageError: the LMDB lacks its key, or cannot be read.
        """
        try:
            content = read_lmdb_value(self.path, self.keys[index])
        except OSError as error:
            raise UnreadableImageError(f'{error}', self.path_of(index)) from error
        if content is None:
            reason = 'meta_info.txt names this key, but the LMDB lacks it. Build the LMDB again.'
            raise UnreadableImageError(reason, self.path_of(index))
        return content


ImageRoot = Union[FolderRoot, LmdbRoot]


def is_lmdb(path: str) -> bool:
    """Whether `path` denotes an LMDB folder: it ends with '.lmdb'."""
    return os.path.normpath(path).endswith(LMDB_SUFFIX)


def open_root(path: str) -> ImageRoot:
    """List the images below `path` without opening them or the LMDB environment.

    Args:
        path: a folder, or an LMDB folder if it ends with '.lmdb'; '~' stands for the home directory.

    Raises:
        FileNotFoundError: `path` is not a folder, or lacks a file of the LMDB layout.
        OSError: a folder below it, or `meta_info.txt`, cannot be read.
        ValueError: there is no image in it, or a line of `meta_info.txt` is malformed or names a key that leads out of
            the folder.
    """
    path = os.path.normpath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise FileNotFoundError(
            f'{path}: expected a folder of images or an LMDB folder (*{LMDB_SUFFIX}), found '
            f'{"a file" if os.path.exists(path) else "nothing"}. Correct the path.'
        )
    if is_lmdb(path):
        return LmdbRoot(path, list_lmdb_keys(path))
    return FolderRoot(path, _list_folder(path))


def _list_folder(folder: str) -> PackedStrings:
    """Return the image files below `folder`, relative to it and sorted, without hidden ones."""
    keys = [name for name in walk_files(folder) if name.lower().endswith(IMAGE_EXTENSIONS)]
    if not keys:
        raise ValueError(
            f'{folder}: expected images ({", ".join(IMAGE_EXTENSIONS)}) in the folder or below it, found '
            'none. Correct the path or fill the folder.'
        )
    return PackedStrings(sorted(keys))
