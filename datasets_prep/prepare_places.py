"""Prepare Places365-Standard (Zhou et al., TPAMI 2018): 1,803,460 training and 36,500 validation images.

    python datasets_prep/prepare_places.py datasets/places --train data_256 --val val_256
    python datasets_prep/prepare_places.py datasets/places512 --train data_large --val val_large --size 512

reads data_256/a/airfield/00000001.jpg (or airfield/00000001.jpg, the "easy directory structure") and
val_256/Places365_val_00000001.jpg (or the easy structure), and writes train.lmdb and val.lmdb into the output folder.
data_256 and val_256 hold squares of 256 x 256 pixels, which are copied byte for byte; for 512 take data_large and
val_large. Either split can be left out. The source is left as it is. A run that was ended is gone on with by the same
command.
"""

from __future__ import annotations

import argparse
import posixpath
from collections.abc import Sequence

from preparation import (
    PreparationError,
    UnreadableImageError,
    check_count,
    check_layout,
    list_images,
    prepare_train_val,
    read_header,
    read_source,
)

SCENES = 365
COUNTS = {'train': 1_803_460, 'val': 36_500}
# A scene may have two folders, as in a/apartment_building/outdoor, and its initial above it.
SCENE = r'([a-z]/)?[a-z_-]+(/[a-z_-]+)?/'
PATTERNS = {'train': rf'{SCENE}\d+\.\w+', 'val': rf'({SCENE})?Places365_val_\d{{8}}\.\w+'}
LAYOUTS = {
    'train': 'a folder for each scene, as in a/airfield/00000001.jpg or airfield/00000001.jpg',
    'val': 'Places365_val_00000001.jpg and so on, in one folder or in a folder for each scene',
}
SMALL_SIDE = 256


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepare_train_val(
        parser,
        argv,
        train='training images: data_256 or data_large',
        val='validation images: val_256 or val_large',
        data_set='Places365-Standard',
        list_split=list_split,
    )


def list_split(split: str, source: str, arguments: argparse.Namespace) -> list[str]:
    """Return the images of a split, after a check of layout, number and resolution."""
    names = list_images(source)
    check_layout(source, names, PATTERNS[split], LAYOUTS[split])
    if split == 'train':
        scenes = len({posixpath.dirname(name) for name in names})
        check_count(scenes, SCENES, f'scene folders in {source}', allow_missing=arguments.allow_missing)
    check_count(
        len(names),
        COUNTS[split],
        f'{split} images of Places365-Standard in {source}',
        allow_missing=arguments.allow_missing,
    )
    check_resolution(source, names, arguments.size)
    return names


def check_resolution(source: str, names: Sequence[str], size: int) -> None:
    """Refuse the small version where larger images are asked for: nothing is enlarged, so they would stay small."""
    if size <= SMALL_SIDE:
        return
    sampled = names[:: max(1, len(names) // 8)]
    if all(short_side(f'{source}/{name}') == SMALL_SIDE for name in sampled):
        raise PreparationError(
            f'{source}: expected images for --size {size}, found the small version with a side of '
            f'{SMALL_SIDE} pixels. Give data_large and val_large, or --size {SMALL_SIDE}.'
        )


def short_side(path: str) -> int | None:
    """Return the short side of an image file, None if it cannot be read."""
    try:
        header = read_header(read_source(path))
    except UnreadableImageError:
        return None
    return None if header is None else header.short_side


if __name__ == '__main__':
    main()
