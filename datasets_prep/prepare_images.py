"""Prepare a folder of photographs of your own: the training pictures of a model, or what it is tested on.

    python datasets_prep/prepare_images.py ~/photos datasets/photos.lmdb
    python datasets_prep/prepare_images.py ~/photos datasets/train.lmdb --val-count 500 --val-output datasets/val.lmdb

writes all images of the folder and its subfolders, with the short side reduced to 512 pixels, into an LMDB, or into a
folder of files if the output does not end with `.lmdb`. With --val-count (the second line) that many images, drawn by
--seed, go into the second output and all others into the first. The photographs are left as they are. A run that was
ended is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import numpy as np

from preparation import (
    FileItems,
    PrepOptions,
    add_common_arguments,
    check_apart,
    list_images,
    plain_errors,
    whole_number,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=os.path.expanduser, help='folder of photographs, searched with its subfolders')
    parser.add_argument('output', type=os.path.expanduser, help='what to write: an LMDB (*.lmdb) or a folder')
    parser.add_argument(
        '--val-count', type=whole_number(0), default=0, metavar='N', help='images to draw for validation'
    )
    parser.add_argument(
        '--val-output', type=os.path.expanduser, metavar='OUTPUT', help='where they go: an LMDB (*.lmdb) or a folder'
    )
    parser.add_argument('--seed', type=whole_number(0), default=0, help='seed of the drawing (default: %(default)s)')
    add_common_arguments(parser, size=512)
    arguments = parser.parse_args(argv)
    if (arguments.val_count > 0) != (arguments.val_output is not None):
        parser.error('--val-count (at least 1) and --val-output belong together: give both or none')
    with plain_errors():
        names = list_images(arguments.source)
        if arguments.val_count >= len(names):
            parser.error(
                f'--val-count: expected less than the {len(names)} images of {arguments.source}, '
                f'got {arguments.val_count}'
            )
        write_splits(names, arguments)


def write_splits(names: Sequence[str], arguments: argparse.Namespace) -> None:
    """Write the training images and, if asked for, those for validation."""
    training, validation = split_names(names, arguments.val_count, arguments.seed)
    outputs = {arguments.output: training}
    if validation:
        check_apart(arguments.output, arguments.val_output)
        outputs[arguments.val_output] = validation
    for output in outputs:
        check_apart(output, arguments.source)
    settings = {'data set': 'own images', 'val_count': arguments.val_count, 'seed': arguments.seed}
    for output, part in outputs.items():
        split = 'val' if part is validation else 'train'
        PrepOptions.of(arguments).prepare(
            FileItems(arguments.source, part), output, settings={**settings, 'split': split}
        )


def split_names(names: Sequence[str], val_count: int, seed: int) -> tuple[list[str], list[str]]:
    """Return the names for training and the `val_count` ones drawn for validation, both in the order of `names`."""
    drawn = np.zeros(len(names), bool)
    drawn[np.random.default_rng(seed).permutation(len(names))[:val_count]] = True
    return (
        [name for name, chosen in zip(names, drawn) if not chosen],
        [name for name, chosen in zip(names, drawn) if chosen],
    )


if __name__ == '__main__':
    main()
