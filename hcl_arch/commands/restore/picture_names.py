"""The names of the pictures that belong to a photograph, and their formats."""

from __future__ import annotations

import os

from hcl_arch.commands.restore.options import Options, PictureKind

_NAME_ENDS: dict[PictureKind, str] = {
    'confidence': '_confidence',
    'cutout': '_cutout',
    'alpha': '_alpha',
    'overlay': '_overlay',
    'side-by-side': '_side_by_side',
}
_MASKS = 'masks'


def format_of(kind: PictureKind) -> str:
    """Return Pillow's name of the format of all kinds but the restored photograph."""
    return 'TIFF' if kind == 'alpha' else 'PNG'


def suffix_of(kind: PictureKind) -> str:
    """Return the extension of all kinds but the restored photograph."""
    return '.tif' if kind == 'alpha' else '.png'


def path_of(kind: PictureKind, folder: str, stem: str, options: Options) -> str:
    """Return the path of a picture of any kind but the restored photograph.

    Masks by the photographs' own names get a folder of their own, unless nothing else is written.

    Args:
        kind: Of the picture.
        folder: To write to.
        stem: Name of the photograph below it, without extension, with '/' between folders.
        options: Of the run.
    """
    parts = stem.split('/')
    if kind != 'mask':
        return os.path.join(folder, *parts) + _NAME_ENDS[kind] + suffix_of(kind)
    parts[-1] = options.mask_stem(parts[-1])
    if parts[-1] == stem.split('/')[-1] and len(options.save) > 1:
        parts.insert(0, _MASKS)
    return os.path.join(folder, *parts) + suffix_of(kind)
