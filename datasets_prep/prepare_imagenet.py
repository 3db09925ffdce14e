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

from preparation import check_count, check_layout, list_images, prepare_train_val

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
    prepare_train_val(
        parser,
        argv,
        train='training images, a folder for each synset',
        val='validation images',
        data_set='ImageNet',
        list_split=list_split,
    )


def list_split(split: str, source: str, arguments: argparse.Namespace) -> list[str]:
    """Return the images of a split, after a check of layout and number."""
    names = list_images(source)
    check_layout(source, names, PATTERNS[split], LAYOUTS[split])
    if split == 'train':
        synsets = len({name.partition('/')[0] for name in names})
        check_count(synsets, SYNSETS, f'synset folders in {source}', allow_missing=arguments.allow_missing)
    check_count(
        len(names), COUNTS[split], f'{split} images of ImageNet in {source}', allow_missing=arguments.allow_missing
    )
    return names


if __name__ == '__main__':
    main()
