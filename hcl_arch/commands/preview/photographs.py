"""Photographs of the user's, or of scikit-image, in the place of the folders of an option file."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hcl_arch.commands.preview.arguments import SCIKIT_IMAGE
from hcl_arch.utils.option_file import OptionFileError

# Those that every release of scikit-image has inside.
_PICTURES = ('astronaut.png', 'chelsea.png', 'coffee.png', 'hubble_deep_field.jpg', 'ihc.png', 'retina.jpg',
             'rocket.jpg')  # fmt: skip
# How often each is shown, since a sheet shows each photograph of a data set once.
_REPEATS = 4
# What an entry may have only with pictures of its own.
_OF_PICTURES = ('dataroot', 'recolour')
_KIND = 'BlindCorruptionDataset'


@contextlib.contextmanager
def folder_of(photographs: str) -> Iterator[str]:
    """The folder that --photos names; that of scikit-image's pictures is there only meanwhile.

    Raises:
        OptionFileError: scikit-image is not installed.
    """
    if photographs != SCIKIT_IMAGE:
        yield photographs
        return
    package = importlib.util.find_spec('skimage')
    if package is None or package.origin is None:
        raise OptionFileError(
            f'--photos {SCIKIT_IMAGE}: is not installed: pip install scikit-image, or name a folder of photographs'
        )
    with tempfile.TemporaryDirectory() as folder:
        for name in _PICTURES:
            for number in range(_REPEATS):
                _link(Path(package.origin).parent / 'data' / name, Path(folder) / f'{number}_{name}')
        yield folder


def on_photographs(options: Mapping[str, Any], folder: str, where: str) -> dict[str, Any]:
    """The options of a data set with these photographs; masks and pictures of its other folders are drawn.

    Raises:
        OptionFileError: It is a data set of pairs, which are corrupted already.
    """
    if options.get('type') != _KIND:
        raise OptionFileError(f"{where}: 'type' is {options.get('type')!r}; --photos is for {_KIND} only.")
    kept = {
        key: value for key, value in options.items()
        if not str(key).startswith(('dataroot', 'mask_')) and key != 'io_backend'
    }  # fmt: skip
    for section, left_out in (('corruptions', None), ('masks', 'folder')):
        if isinstance(kept.get(section), Mapping):
            kept[section] = {key: _without_root(value) for key, value in kept[section].items() if key != left_out}
    if not kept.get('masks'):
        kept.pop('masks', None)
    return {**kept, 'dataroot_gt': folder, 'dataroot_noise': folder}


def _without_root(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    return {key: value for key, value in entry.items() if key not in _OF_PICTURES}


def _link(source: Path, place: Path) -> None:
    try:  # a link, by which it is known to be one photograph, whose parts are not pasted into itself
        place.symlink_to(source)
    except OSError:
        shutil.copyfile(source, place)
