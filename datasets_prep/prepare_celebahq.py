"""Prepare CelebA-HQ (Karras et al., ICLR 2018): 30,000 faces in the train, val and test splits of CelebA.

    python datasets_prep/prepare_celebahq.py CelebAMask-HQ/CelebA-HQ-img datasets/celebahq \\
        --partition celeba/list_eval_partition.txt

reads 0.jpg ... 29999.jpg, as CelebAMask-HQ has them, and two lists: CelebA-HQ-to-CelebA-mapping.txt, which lies beside
that folder and says which image of CelebA each face was made of, and CelebA's list_eval_partition.txt, which says what
that image is for (0: train, 1: val, 2: test). Writes train.lmdb, val.lmdb and test.lmdb into datasets/celebahq, with
the short side reduced to 256 pixels. The source is left as it is, no file is renamed. A run that was ended is gone on
with by the same command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from preparation import (
    PreparationError,
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

SPLITS = ('train', 'val', 'test')
IMAGE_COUNT = 30_000
MAPPING_NAME = 'CelebA-HQ-to-CelebA-mapping.txt'


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'source', type=os.path.expanduser, help='folder of faces named by their CelebA-HQ number (CelebA-HQ-img)'
    )
    parser.add_argument('output', type=os.path.expanduser, help='folder for the three splits')
    parser.add_argument(
        '--partition', type=os.path.expanduser, required=True, metavar='FILE', help="CelebA's list_eval_partition.txt"
    )
    parser.add_argument(
        '--mapping',
        type=os.path.expanduser,
        metavar='FILE',
        help=f'{MAPPING_NAME} (default: beside the folder of faces)',
    )
    add_store_argument(parser)
    add_missing_argument(parser)
    add_common_arguments(parser, image_format='png')
    arguments = parser.parse_args(argv)
    with plain_errors():
        for split in SPLITS:
            check_apart(split_path(arguments, split), arguments.source)
        mapping = arguments.mapping or os.path.join(os.path.dirname(os.path.abspath(arguments.source)), MAPPING_NAME)
        splits = split_of_faces(read_mapping(mapping), read_partition(arguments.partition), arguments.partition)
        write_splits(arguments, splits, mapping)


def write_splits(arguments: argparse.Namespace, splits: dict[int, str], mapping: str) -> None:
    """Write the three splits.

    Args:
        arguments: the command line.
        splits: split of every face by number.
        mapping: the file the numbers come from, for messages.
    """
    names = list_images(arguments.source)
    check_layout(arguments.source, names, r'\d+\.\w+', 'images named by their number, 0.jpg to 29999.jpg')
    check_count(len(names), IMAGE_COUNT, f'images in {arguments.source}', allow_missing=arguments.allow_missing)
    faces = sorted((int(PurePosixPath(name).stem), name) for name in names)
    unknown = next((name for number, name in faces if number not in splits), None)
    if unknown is not None:
        raise PreparationError(
            f'{arguments.source}/{unknown}: expected a line for this face in {mapping}, found none. '
            'Give the mapping that belongs to these images.'
        )
    for split in SPLITS:
        items = [
            PrepItem(f'{arguments.source.rstrip("/")}/{name}', f'{number:05d}')
            for number, name in faces
            if splits[number] == split
        ]
        print(f'{split}: {len(items):,} images')
        if items:
            PrepOptions.of(arguments).prepare(
                items, split_path(arguments, split), settings={'data set': 'CelebA-HQ', 'split': split}
            )


def read_mapping(path: str) -> dict[int, str]:
    """Return the CelebA file name of every CelebA-HQ number from lines 'idx orig_idx orig_file'."""
    rows = read_rows(path, columns=3, example='0 119613 119614.jpg')
    return {int(idx): orig_file for idx, _, orig_file in rows if idx.isdigit()}


def read_partition(path: str) -> dict[str, str]:
    """Return the split of every CelebA file name from lines 'orig_file number'."""
    rows = read_rows(path, columns=2, example='000001.jpg 0')
    if not all(number in ('0', '1', '2') for _, number in rows):
        raise PreparationError(
            f'{path}: expected 0, 1 or 2 at the end of each line, found another number. Give '
            "CelebA's list_eval_partition.txt."
        )
    return {name: SPLITS[int(number)] for name, number in rows}


def read_rows(path: str, *, columns: int, example: str) -> list[list[str]]:
    """Return the words of every line that is not empty."""
    try:
        with open(path, encoding='utf-8') as file:
            rows = [line.split() for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise PreparationError(
            f"{path}: expected a text file with lines like '{example}', which cannot be read "
            f'({error}). Download it with the data set, or correct the path.'
        ) from error
    other = next((row for row in rows if len(row) != columns), None)
    if other is not None or not rows:
        found = f"'{' '.join(other)}'" if other else 'an empty file'
        raise PreparationError(f"{path}: expected lines like '{example}', found {found}. Give the original file.")
    return rows


def split_of_faces(mapping: dict[int, str], partition: dict[str, str], partition_path: str) -> dict[int, str]:
    """Return the split of every CelebA-HQ number."""
    missing = next((name for name in mapping.values() if name not in partition), None)
    if missing is not None:
        raise PreparationError(
            f'{partition_path}: expected a line for {missing}, found none. Give the partition of '
            'all 202,599 CelebA images.'
        )
    return {number: partition[name] for number, name in mapping.items()}


if __name__ == '__main__':
    main()
