"""One place that holds encoded images: a folder of files, or an LMDB folder in BasicSR's layout."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Union

from basicsr.utils import FileClient

from hcl_arch.data.folder_walk import walk_files
from hcl_arch.data.lmdb_reader import read_lmdb_value
from hcl_arch.data.packed_strings import PackedStrings

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
        """Return a text that is equal for two entries if they are the same file, be it through a link."""
        return os.path.realpath(self.path_of(index))

    def read_bytes(self, index: int) -> bytes | None:
        """Return the content of file `index`, None if it cannot be read."""
        try:
            content: bytes = FileClient('disk').get(self.path_of(index))
        except OSError:
            return None
        return content


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

    def read_bytes(self, index: int) -> bytes | None:
        """Return the value of entry `index`, None if the LMDB lacks its key."""
        return read_lmdb_value(self.path, self.keys[index])


ImageRoot = Union[FolderRoot, LmdbRoot]


def is_lmdb(path: str) -> bool:
    """Say whether `path` is meant as an LMDB folder: it ends with '.lmdb'."""
    return os.path.normpath(path).endswith(LMDB_SUFFIX)


def open_root(path: str) -> ImageRoot:
    """List the images below `path`, without opening any of them, nor the LMDB environment.

    Args:
        path: a folder, or an LMDB folder if it ends with '.lmdb'; '~' stands for the home directory.

    Raises:
        FileNotFoundError: `path` is not a folder, or lacks a file of the LMDB layout.
        OSError: a folder below it cannot be listed.
        ValueError: there is no image in it, or a line of `meta_info.txt` has another form.
    """
    path = os.path.normpath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise FileNotFoundError(f'{path}: expected a folder of images or an LMDB folder (*{LMDB_SUFFIX}), found '
                                f'{"a file" if os.path.exists(path) else "nothing"}. Correct the path.')
    if is_lmdb(path):
        return LmdbRoot(path, _list_lmdb(path))
    return FolderRoot(path, _list_folder(path))


def _list_folder(folder: str) -> PackedStrings:
    """Return the image files below `folder`, relative to it and sorted; hidden ones are left out."""
    keys = [name for name in walk_files(folder) if name.lower().endswith(IMAGE_EXTENSIONS)]
    if not keys:
        raise ValueError(f'{folder}: expected images ({", ".join(IMAGE_EXTENSIONS)}) in the folder or below it, found '
                         'none. Correct the path or fill the folder.')
    return PackedStrings(sorted(keys))


def _list_lmdb(folder: str) -> PackedStrings:
    """Return the keys that `meta_info.txt` of an LMDB folder names."""
    for name in ('meta_info.txt', 'data.mdb'):
        if not os.path.isfile(os.path.join(folder, name)):
            raise FileNotFoundError(f"{folder}: expected the file {name} of an LMDB in BasicSR's layout, found none. "
                                    'Build the LMDB again (it may have been cut short).')
    meta_path = os.path.join(folder, 'meta_info.txt')
    keys = PackedStrings(_keys_of_lines(meta_path))
    if not keys:
        raise ValueError(f'{meta_path}: expected a line for each image, found none. Build the LMDB again.')
    return keys


def _keys_of_lines(meta_path: str) -> Iterator[str]:
    with open(meta_path, encoding='utf-8') as file:
        for line in map(str.strip, file):
            if line:
                yield _key_of_line(line, meta_path)


def _key_of_line(line: str, meta_path: str) -> str:
    """Return 'name' from the line 'name.png (h,w,c) 1'."""
    name, bracket, _ = line.rpartition(' (')
    key, extension = os.path.splitext(name)
    if not bracket or not extension:
        raise ValueError(f"{meta_path}: expected lines of the form 'name.png (h,w,c) 1', found '{line}'. "
                         'Build the LMDB again.')
    return key
