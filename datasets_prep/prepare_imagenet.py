"""Prepare ImageNet (ILSVRC 2012): 1,281,167 training and 50,000 validation images.

    python datasets_prep/prepare_imagenet.py datasets/imagenet --train imagenet/train --val imagenet/val

reads train/n01440764/n01440764_10026.JPEG (a folder for each of the 1,000 synsets, i.e. the inner tar files unpacked)
and val/ILSVRC2012_val_00000001.JPEG (or in a folder for each synset, as many sort them), and writes
datasets/imagenet/train.lmdb and val.lmdb with the short side reduced to 256 pixels. Either split can be left out. The
source is left as it is. A run that was ended is gone on with by the same command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hcl_arch.prep import (
    FileItems,
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

SYNSETS = 1000
COUNTS = {'train': 1_281_167, 'val': 50_000}
PATTERNS = {'train': r'n\d{8}/[^/]+', 'val': r'(n\d{8}/)?ILSVRC2012_val_\d{8}\.\w+'}
LAYOUTS = {
    'train': 'a folder for each synset, as in n01440764/n01440764_10026.JPEG (unpack the inner tar files too)',
    'val': 'ILSVRC2012_val_00000001.JPEG and so on, in one folder or in a folder for each synset',
}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('output', help='folder for the splits')
    parser.add_argument('--train', metavar='FOLDER', help='training images, a folder for each synset')
    parser.add_argument('--val', metavar='FOLDER', help='validation images')
    add_store_argument(parser)
    add_missing_argument(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args(argv)
    sources = {split: source for split, source in (('train', arguments.train), ('val', arguments.val)) if source}
    if not sources:
        parser.error('expected --train, --val or both, got neither')
    with plain_errors():
        for split in sources:
            check_apart(split_path(arguments, split), *sources.values())
        listed = {split: list_split(split, source, arguments.allow_missing) for split, source in sources.items()}
        for split, names in listed.items():
            PrepOptions.of(arguments).prepare(FileItems(sources[split], names), split_path(arguments, split),
                                              settings={'data set': 'ImageNet', 'split': split})


def list_split(split: str, source: str, allow_missing: bool) -> list[str]:
    """Return the images of a split, after a check of layout and number."""
    names = list_images(source)
    check_layout(source, names, PATTERNS[split], LAYOUTS[split])
    if split == 'train':
        synsets = len({name.partition('/')[0] for name in names})
        check_count(synsets, SYNSETS, f'synset folders in {source}', allow_missing=allow_missing)
    check_count(len(names), COUNTS[split], f'{split} images of ImageNet in {source}', allow_missing=allow_missing)
    return names


if __name__ == '__main__':
    main()
