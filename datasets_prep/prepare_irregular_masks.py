"""Prepare the irregular masks of Liu et al. (ECCV 2018, the test set published by NVIDIA), or any folder of masks.

    python datasets_prep/prepare_irregular_masks.py irregular_mask/testing_mask_dataset datasets/irregular_masks

reads masks in which white is the hole, such as 00000.png ... 11999.png of 512 x 512 pixels, and writes train.lmdb and
test.lmdb into datasets/irregular_masks: every mask in its 8 rotations and flips, reduced to 256 pixels, with the keys
'<bin>/<name>_<0 to 7>'. The bins 00-10, 10-20, ... are the share of holes of the source mask in per cent, each with its
upper end, as the authors group them. Of every bin 20 % of the masks are for testing (400 of the published 2,000), drawn
at random by --seed; no rotation of a test mask is in the other split. shares.csv there holds split, key and share of
holes as written. The source is left as it is. A run that was ended is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import csv
import functools
import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hcl_arch.data.masks.hole_maps import resize_holes
from hcl_arch.utils.atomic_file import atomic_file
from preparation import (
    EncodedImage,
    PreparationError,
    PrepItem,
    PrepOptions,
    UnreadableImageError,
    add_common_arguments,
    add_missing_argument,
    add_store_argument,
    check_apart,
    check_count,
    decode_holes,
    encode_image,
    key_of,
    list_images,
    plain_errors,
    read_source,
    split_path,
)

SPLITS = ('train', 'test')
TEST_SHARE = 0.2
VARIANTS = 8
# The published set holds masks numbered from 0 on, so many of each bin after the other.
PUBLISHED_PER_BIN = 2000
PUBLISHED_COUNT = 12_000


@dataclass(frozen=True)
class MeasuredMask:
    """A mask of the source.

    Attributes:
        name: path relative to the source folder.
        bin_index: 0 for shares from 0 to 10 %, 1 for those above and up to 20 %, ..., at the source's resolution.
        inverted_bin_index: the same for its complement.
        written_share: share of holes at the size that is written, in [0, 1].
    """

    name: str
    bin_index: int
    inverted_bin_index: int
    written_share: float

    def key(self, variant: int) -> str:
        """Return the key of one of its rotations and flips."""
        return f'{bin_name(self.bin_index)}/{key_of(self.name)}_{variant}'


@dataclass(frozen=True)
class MaskVariant:
    """Transform: a mask as PNG, white = hole, reduced in size; variants are rotations and flips (see `turned`)."""

    size: int | None
    inverted: bool

    def __call__(self, item: PrepItem) -> EncodedImage:
        """Return variant `item.variant` of the mask; raises UnreadableImageError."""
        mask = turned(_read_reduced(item.source, self.size, self.inverted), item.variant)
        return encode_image(np.where(mask, np.uint8(255), np.uint8(0)), 'png')


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=os.path.expanduser, help='folder of masks')
    parser.add_argument('output', type=os.path.expanduser, help='folder for the two splits and shares.csv')
    parser.add_argument('--inverted', action='store_true', help='in the source black is the hole, not white')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: %(default)s)')
    add_store_argument(parser)
    add_missing_argument(parser)
    add_common_arguments(parser, image_format='png')
    arguments = parser.parse_args(argv)
    with plain_errors():
        prepare_masks(arguments)


def prepare_masks(arguments: argparse.Namespace) -> None:
    """Measure the masks, split them, and write the splits and the list of shares."""
    options = PrepOptions.of(arguments)
    if options.format != 'png':
        raise PreparationError(f"--format: expected 'png', got '{options.format}'. JPEG would blur the masks' edges.")
    if arguments.seed < 0:
        raise PreparationError(f'--seed: expected a whole number of at least 0, got {arguments.seed}.')
    check_apart(arguments.output, arguments.source)
    names = list_images(arguments.source)
    if are_published_names(names):
        check_count(len(names), PUBLISHED_COUNT, f'masks in {arguments.source}', allow_missing=arguments.allow_missing)
    masks = measure(arguments.source, names, options, inverted=arguments.inverted)
    compare_with_numbers(masks, inverted=arguments.inverted)
    splits = dict(zip(SPLITS, split_masks(masks, seed=arguments.seed)))
    for split, members in splits.items():
        items = [
            PrepItem(os.path.join(arguments.source, mask.name), mask.key(variant), variant)
            for mask in members
            for variant in range(VARIANTS)
        ]
        print(f'{split}: {len(members)} masks ({count_bins(members)})')
        if items:
            settings = {'data set': 'irregular masks', 'split': split, 'seed': arguments.seed}
            options.prepare(
                items,
                split_path(arguments, split),
                settings=settings,
                transform=MaskVariant(options.size, arguments.inverted),
            )
    write_shares(os.path.join(arguments.output, 'shares.csv'), splits)


def measure(source: str, names: Sequence[str], options: PrepOptions, *, inverted: bool) -> list[MeasuredMask]:
    """Return the readable masks of a folder, sorted by bin and name.

    Raises:
        PreparationError: none can be read.
    """

    def measure_one(name: str) -> MeasuredMask | str:
        try:
            return measured(source, name, options.size, inverted=inverted)
        except UnreadableImageError as error:
            return f'{os.path.join(source, name)}: {error}'

    # Threads do, since OpenCV decodes without Python's lock.
    with ThreadPoolExecutor(max(1, options.workers)) as pool:
        results = list(tqdm(pool.map(measure_one, names), total=len(names), desc='Measuring', unit='mask'))
    masks = [result for result in results if isinstance(result, MeasuredMask)]
    unreadable = [result for result in results if isinstance(result, str)]
    if not masks:
        raise PreparationError(
            f'{source}: none of the {len(names)} masks could be read, the first one: '
            f'{unreadable[0]}. Correct the source folder.'
        )
    for line in unreadable:
        print(f'Left out, unreadable: {line}')
    return sorted(masks, key=lambda mask: (mask.bin_index, mask.name))


def measured(source: str, name: str, size: int | None, *, inverted: bool) -> MeasuredMask:
    """Return a mask's bin and share; raises UnreadableImageError."""
    mask = _read_mask(os.path.join(source, name), inverted)
    holes = int(np.count_nonzero(mask))
    return MeasuredMask(
        name, bin_of(holes, mask.size), bin_of(mask.size - holes, mask.size), float(_reduce(mask, size).mean())
    )


def bin_of(holes: int, pixels: int) -> int:
    """Return the number of the bin, 0 to 9: of ten bins of equal width, each with its upper end; the first with 0."""
    return max(0, -(-10 * holes // pixels) - 1)


def bin_name(index: int) -> str:
    """Return '00-10', '10-20', ..., '90-100'."""
    return f'{10 * index:02d}-{10 * index + 10}'


def count_bins(masks: Sequence[MeasuredMask]) -> str:
    """Return 'bin: number of masks' for every bin that has some."""
    indices, counts = np.unique([mask.bin_index for mask in masks], return_counts=True)
    return ', '.join(f'{bin_name(int(index))}: {count}' for index, count in zip(indices, counts)) or 'none'


def are_published_names(names: Sequence[str]) -> bool:
    """Say whether all files are named as the published set's are: 00000.png to 11999.png."""
    stems = [PurePosixPath(name).stem for name in names]
    return all(len(stem) == 5 and stem.isdecimal() and int(stem) < PUBLISHED_COUNT for stem in stems)


def compare_with_numbers(masks: Sequence[MeasuredMask], *, inverted: bool) -> None:
    """Say how many masks of the published set lie in another bin than their number tells; pass over other sets.

    Raises:
        PreparationError: the bins of most masks fit their numbers only if black and white change places.
    """
    if not are_published_names([mask.name for mask in masks]):
        return
    published = [int(PurePosixPath(mask.name).stem) // PUBLISHED_PER_BIN for mask in masks]
    others = [mask for mask, index in zip(masks, published) if mask.bin_index != index]
    opposite = sum(mask.inverted_bin_index == index for mask, index in zip(masks, published))
    if 2 * opposite > len(masks) and opposite > len(masks) - len(others):
        raise PreparationError(
            f'the shares of {opposite} of {len(masks)} masks fit their published groups only '
            f'with {"white" if inverted else "black"} as the hole. '
            f'{"Leave out" if inverted else "Add"} --inverted.'
        )
    example = f', e.g. {others[0].name}, in {bin_name(others[0].bin_index)} here' if others else ''
    print(f'{len(others)} of {len(masks)} masks lie in another group than their published number tells{example}')


def split_masks(masks: Sequence[MeasuredMask], *, seed: int) -> tuple[list[MeasuredMask], list[MeasuredMask]]:
    """Return the masks for training and for testing: of every bin the same share, drawn at random."""
    tests: set[str] = set()
    for index in range(10):
        names = sorted(mask.name for mask in masks if mask.bin_index == index)
        order = np.random.default_rng([seed, index]).permutation(len(names))
        tests.update(names[chosen] for chosen in order[: round(TEST_SHARE * len(names))])
    return ([mask for mask in masks if mask.name not in tests], [mask for mask in masks if mask.name in tests])


def write_shares(path: str, splits: dict[str, list[MeasuredMask]]) -> None:
    """Write the list of shares; it appears as a whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['split', 'key', 'share'])
    writer.writerows(_share_rows(splits))
    with atomic_file(Path(path)) as file:
        file.write(text.getvalue().encode('ascii'))


def _share_rows(splits: dict[str, list[MeasuredMask]]) -> Iterable[tuple[str, str, str]]:
    for split, members in splits.items():
        for mask in members:
            for variant in range(VARIANTS):
                yield split, mask.key(variant), f'{mask.written_share:.6f}'


def turned(mask: NDArray[np.bool_], variant: int) -> NDArray[np.bool_]:
    """Return one of the 8 rotations and flips: variant % 4 quarter turns, mirrored from 4 on."""
    quarter_turned = np.rot90(mask, variant % 4)
    return quarter_turned[:, ::-1] if variant >= 4 else quarter_turned


def _read_mask(path: str, inverted: bool) -> NDArray[np.bool_]:
    """Return a mask at its full size, True = hole; raises UnreadableImageError."""
    return decode_holes(read_source(path), inverted=inverted)


def _reduce(mask: NDArray[np.bool_], size: int | None) -> NDArray[np.bool_]:
    """Return the mask reduced to a short side of `size`; a smaller one, or size None, as it is."""
    short = min(mask.shape)
    if size is None or short <= size:
        return mask
    height, width = (round(side * size / short) for side in mask.shape)
    return resize_holes(mask, (height, width))


@functools.lru_cache(maxsize=1)  # the variants of a mask follow one another
def _read_reduced(path: str, size: int | None, inverted: bool) -> NDArray[np.bool_]:
    return _reduce(_read_mask(path, inverted), size)


if __name__ == '__main__':
    main()
