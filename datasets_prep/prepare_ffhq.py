"""Prepare FFHQ (Karras, Laine, Aila, CVPR 2019): 60,000 faces for training and 10,000 for validation.

    python datasets_prep/prepare_ffhq.py ffhq/images1024x1024 datasets/ffhq

reads images1024x1024/00000/00000.png ... 69000/69999.png (or thumbnails128x128, or all files in one folder) and writes
datasets/ffhq/train.lmdb, with images 00000 to 59999, and datasets/ffhq/val.lmdb, with 60000 to 69999, as the authors
split them. The short side is reduced to 256 pixels. The source is left as it is. A run that was ended is gone on with
by the same command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from preparation import (
    PrepItem,
    PrepOptions,
    add_common_arguments,
    add_missing_argument,
    add_store_argument,
    check_apart,
    check_count,
    check_layout,
    list_images,
    plain_errors,
    split_path,
)

SPLITS = {'train': range(60_000), 'val': range(60_000, 70_000)}
LAYOUT = 'images numbered 00000 to 69999, as in 00000/00000.png'


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=os.path.expanduser, help='folder images1024x1024 or thumbnails128x128')
    parser.add_argument('output', type=os.path.expanduser, help='folder for the two splits')
    add_store_argument(parser)
    add_missing_argument(parser)
    add_common_arguments(parser, image_format='png')
    arguments = parser.parse_args(argv)
    with plain_errors():
        for split in SPLITS:
            check_apart(split_path(arguments, split), arguments.source)
        faces = numbered_faces(arguments.source)
        items_of = {
            split: [PrepItem(path, face_key(number)) for number, path in faces if number in numbers]
            for split, numbers in SPLITS.items()
        }
        for split, items in items_of.items():
            check_count(
                len(items),
                len(SPLITS[split]),
                f'{split} images of FFHQ in {arguments.source}',
                allow_missing=arguments.allow_missing,
            )
        for split, items in items_of.items():
            if items:
                PrepOptions.of(arguments).prepare(
                    items, split_path(arguments, split), settings={'data set': 'FFHQ', 'split': split}
                )


def numbered_faces(source: str) -> list[tuple[int, str]]:
    """Return number and path of every face, by number."""
    names = list_images(source)
    check_layout(source, names, r'(.*/)?[0-6]\d{4}\.\w+', LAYOUT)
    return sorted((int(PurePosixPath(name).stem), f'{source.rstrip("/")}/{name}') for name in names)


def face_key(number: int) -> str:
    """Return the key of a face, e.g. '41000/41234', whatever the folders of the source are."""
    return f'{number // 1000 * 1000:05d}/{number:05d}'


if __name__ == '__main__':
    main()
