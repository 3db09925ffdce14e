"""Preparation of published data sets of pairs for `HCLPairedDataset`: corrupted images, clean ones and masks."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from hcl_arch.data.image_match import SHOWN, NamedImages, NameTemplate, match_images
from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.data.masks.hole_maps import resize_holes
from hcl_arch.data.published_pairs_dataset import PairedLayout
from hcl_arch.utils.image_blocks import split
from hcl_arch.utils.regular_file import read_regular_file
from preparation.command_line import PrepOptions, add_common_arguments, add_store_argument, split_path
from preparation.decoding import (
    SIDEWAYS,
    decode_bgr,
    decode_holes,
    encode_image,
    read_source,
    resize_short_side,
)
from preparation.item_check import check_apart
from preparation.items import EncodedImage, PreparationError, PrepItem, Transform, UnreadableImageError
from preparation.keys import key_of
from preparation.listing import check_count
from preparation.resize import ResizeShortSide


@dataclass(frozen=True)
class PairItem(PrepItem):
    """One image of a pair.

    Attributes:
        partner: path of another image of the pair, which must have the same size.
    """

    partner: str = ''


@dataclass(frozen=True)
class ResizePaired(ResizeShortSide):
    """Resizes an image of a pair like `ResizeShortSide`; damaged ones are errors, because their partners would remain.

    Raises:
        ValueError: the image is damaged, or its partner is of another size.
    """

    def __call__(self, item: PrepItem) -> EncodedImage:
        """Return the item's image."""
        try:
            encoded = super().__call__(item)
        except UnreadableImageError as error:
            raise _damaged(error) from None
        _check_same_size(item)
        return encoded


@dataclass(frozen=True)
class ResizeMask:
    """Resizes a mask image like its pair; a pixel becomes white if at least half of its area is white.

    Attributes:
        size: length of the short side in pixels, None to keep it.
    """

    size: int | None

    def __call__(self, item: PrepItem) -> EncodedImage:
        """Return the mask, 0 and 255, as PNG.

        Raises:
            ValueError: the image is damaged, or its partner is of another size.
        """
        try:
            holes = decode_holes(read_source(item.source))
        except UnreadableImageError as error:
            raise _damaged(error, item.source) from None
        _check_same_size(item)
        return _encode_holes(holes, self.size)


@dataclass(frozen=True)
class DeriveMask:
    """Derives the mask from the difference of the item and its partner at full size, then resizes it.

    Attributes:
        size: length of the short side in pixels, None to keep it.
        threshold, smoothing, least_area, closing: see `DifferenceMask`.
    """

    size: int | None
    threshold: float
    smoothing: float
    least_area: int
    closing: int

    def __call__(self, item: PrepItem) -> EncodedImage:
        """Return the mask, 0 and 255, as PNG.

        Raises:
            ValueError: an image is damaged, or the two differ in size.
        """
        assert isinstance(item, PairItem)
        _check_same_size(item)
        find = DifferenceMask(self.threshold, self.smoothing, self.least_area, self.closing)
        return _encode_holes(find(_decode(item.source), _decode(item.partner)), self.size)


def add_paired_arguments(parser: argparse.ArgumentParser, layout: PairedLayout) -> None:
    """Add source, output, --splits, --store and the arguments shared by all scripts."""
    parser.add_argument('source', type=os.path.expanduser, help=f'folder of the data set: {layout.picture}')
    parser.add_argument('output', type=os.path.expanduser, help='folder to write the splits into')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=layout.splits,
        default=list(layout.splits),
        metavar='SPLIT',
        help=f'splits to prepare (default: {" ".join(layout.splits)})',
    )
    for role, folder in layout.folders.items():
        parser.add_argument(
            f'--{role}-folder',
            metavar='FOLDER',
            default=folder,
            help='where it differs: folder below the source (default: %(default)s)',
        )
    if layout.watermarks:
        parser.add_argument(
            '--watermarks',
            nargs='?',
            metavar='FOLDER',
            const=layout.watermarks,
            help="write the watermarks' pictures too; the folder below the source, where it differs "
            f'(default: {layout.watermarks})',
        )
    if layout.kinds:
        parser.add_argument(
            '--kinds',
            nargs='+',
            default=list(layout.kinds),
            metavar='KIND',
            help=f'parts of the data set (default: {" ".join(layout.kinds)})',
        )
    add_store_argument(parser)
    add_common_arguments(parser, image_format='png')


def prepare_pairs(
    layout: PairedLayout, arguments: argparse.Namespace, *, counts: Mapping[str, int] | None = None
) -> None:
    """Write <split>_lq, <split>_gt, <split>_mask (and <split>_wm) for each split, and print options that read them.

    Args:
        layout: the layout of the data set.
        arguments: parsed arguments of `add_paired_arguments`, and of `add_missing_argument` if there are `counts`.
        counts: published number of pairs in each split, None if unknown.

    Raises:
        PreparationError: the number of pairs or the layout differs, or an image has no partner, is damaged or has
            another size.
    """
    check_apart(arguments.output, arguments.source)
    options = PrepOptions.of(arguments)
    listed = {split: _items_of_roles(layout, arguments, split) for split in arguments.splits}
    if counts is not None:
        for split, items in listed.items():
            check_count(
                len(items['lq']),
                counts[split],
                f'pairs of {layout.title}, {split}, in {arguments.source}',
                allow_missing=arguments.allow_missing,
            )
    for items in listed.values():
        _check_sizes(items['lq'])
        if 'mask' in layout.folders:
            _check_sizes(items['mask'])
        _check_sizes(items.get('wm', ()))
    for split, items in listed.items():
        print(f'{layout.title}, {split}: {len(items["lq"])} pairs')
        for role in items:
            options.prepare(
                items[role],
                split_path(arguments, f'{split}_{role}'),
                settings={'data set': layout.title, 'split': split, 'role': role},
                transform=_transform_of(role, layout, options),
            )
    for split in arguments.splits:
        print('\n'.join(_option_lines(layout, arguments, split, roles=tuple(listed[split]))))


def _items_of_roles(layout: PairedLayout, arguments: argparse.Namespace, split: str) -> dict[str, list[PrepItem]]:
    """Return the items of corrupted images, clean images, masks and, on request, watermarks: same order, same keys."""
    items: dict[str, list[PrepItem]] = {'lq': [], 'gt': [], 'mask': []}
    try:
        for key, lq, gt, mask, watermark in _pairs_of_split(layout, arguments, split):
            items['lq'].append(PairItem(lq, key, partner=gt))
            items['gt'].append(PairItem(gt, key, partner=lq))
            items['mask'].append(PairItem(lq, key, partner=gt) if mask is None else PairItem(mask, key, partner=lq))
            if watermark is not None:
                items.setdefault('wm', []).append(PairItem(watermark, key, partner=lq))
    except (FileNotFoundError, ValueError) as error:
        raise PreparationError(f'{arguments.source}: {error}') from error
    return items


def _pairs_of_split(
    layout: PairedLayout, arguments: argparse.Namespace, split: str
) -> Iterator[tuple[str, str, str, str | None, str | None]]:
    """Yield key, corrupted image, clean image, mask (None if derived) and watermark (None if not asked for)."""
    folders = {role: getattr(arguments, f'{role}_folder') for role in layout.folders}
    if getattr(arguments, 'watermarks', None):
        folders['wm'] = arguments.watermarks
    kinds = arguments.kinds if layout.kinds else ()
    images = {
        role: NamedImages(roots, NameTemplate(_template_of(role, layout)), role)
        for role, roots in layout.roots(arguments.source, split, folders=folders, kinds=kinds).items()
    }
    for named in images.values():
        _print_passed_over(named)
    lq, gt, masks = images['lq'], images['gt'], images.get('mask')
    allow_unused = layout.settings.get('allow_unused', False)
    match = match_images(lq, gt, masks, allow_unused=allow_unused)
    watermarks = images.get('wm')
    of_watermarks = None if watermarks is None else match_images(lq, watermarks, None, allow_unused=allow_unused).gt
    for number, image in enumerate(lq.fitting()):
        folder, stem, rest = image.parts
        # The kinds contain images with the same names.
        kind = kinds[image.root] if len(lq.paths) > 1 else ''
        name = '/'.join(filter(None, (kind, folder, f'{stem}-{rest}' if rest else stem)))
        mask = None if masks is None or match.mask is None else masks.path_of(int(match.mask[number]))
        watermark = None
        if watermarks is not None and of_watermarks is not None:
            watermark = watermarks.path_of(int(of_watermarks[number]))
        yield key_of(f'{name}.png'), lq.path_of(image.index), gt.path_of(int(match.gt[number])), mask, watermark


def _template_of(role: str, layout: PairedLayout) -> str:
    """Return the pattern of a role's names; watermarks are named like the images that bear them."""
    return layout.settings.get(f'{"lq" if role == "wm" else role}_template', '{}')


def _print_passed_over(images: NamedImages) -> None:
    """Print which images of a role have names that do not match its template."""
    fitting = {image.index for image in images.fitting()}
    others = [index for index in range(len(images)) if index not in fitting]
    if others:
        shown = ', '.join(images.path_of(index) for index in others[:SHOWN])
        print(
            f'Warning: {len(others)} of {len(images)} images passed over, their names do not fit '
            f"'{images.template.text}': {shown}{', ...' if len(others) > SHOWN else ''}"
        )


def _transform_of(role: str, layout: PairedLayout, options: PrepOptions) -> Transform:
    if role != 'mask':
        return ResizePaired(options.size, options.format, options.quality)
    if 'mask' in layout.folders:
        return ResizeMask(options.size)
    default = DifferenceMask()
    return DeriveMask(
        options.size,
        threshold=layout.defaults.get('mask_threshold', default.threshold),
        smoothing=layout.defaults.get('mask_smoothing', default.smoothing),
        least_area=layout.defaults.get('mask_least_area', default.least_area),
        closing=layout.defaults.get('mask_closing', default.closing),
    )


def _option_lines(
    layout: PairedLayout, arguments: argparse.Namespace, split: str, *, roles: Sequence[str]
) -> list[str]:
    """Return the lines of an option file that read a prepared split."""
    roots = {role: split_path(arguments, f'{split}_{role}') for role in roles}
    return [
        f'Options of {split}:',
        '  type: HCLPairedDataset',
        *(f'  dataroot_{role}: {root}' for role, root in roots.items()),
        f'  corruption: {layout.defaults["corruption"]}',
    ]


def _decode(path: str) -> NDArray[np.uint8]:
    try:
        return decode_bgr(read_source(path))
    except UnreadableImageError as error:
        raise _damaged(error, path) from None


def _damaged(error: UnreadableImageError | str, path: str = '') -> ValueError:
    where = f'{path}: ' if path else ''
    return ValueError(f'{where}{error}. Replace the file, or remove it together with its partners.')


def _check_sizes(items: Sequence[PrepItem]) -> None:
    """Compare all sizes before anything is written: once some outputs are complete, other items are refused."""
    for item in items:
        try:
            _check_same_size(item)
        except (OSError, ValueError) as error:
            raise PreparationError(f'{item.source}: {error}') from error


def _check_same_size(item: PrepItem) -> None:
    """Raise a ValueError if the item and its partner differ in size, both after applying their EXIF orientation."""
    assert isinstance(item, PairItem)
    sizes = []
    for path in (item.source, item.partner):
        try:
            blocks = split(read_regular_file(path))
            with PIL.Image.open(io.BytesIO(blocks.content)) as header:  # decodes no pixels
                # All images are written upright, so their upright sizes must agree.
                sizes.append(header.size[::-1] if blocks.orientation in SIDEWAYS else header.size)
        except PIL.UnidentifiedImageError:
            raise _damaged('it is no known kind of image', path) from None
        except OSError:
            raise
        except Exception as error:  # a damaged header can raise anything; also Pillow's pixel limit
            raise _damaged(f'its header cannot be read ({error})', path) from error
    if sizes[0] != sizes[1]:
        raise ValueError(
            f'expected an image of the size of {item.partner}, {sizes[1][0]} x {sizes[1][1]} pixels, found '
            f'{sizes[0][0]} x {sizes[0][1]} (both upright). Replace it, or remove it together with its partners.'
        )


def _encode_holes(holes: NDArray[np.bool_], size: int | None) -> EncodedImage:
    """Return a hole map as a PNG image, white = hole, its short side reduced to `size`."""
    white = holes.astype(np.uint8) * 255
    shape = resize_short_side(white, size).shape  # the size of the pair's images
    return encode_image(resize_holes(holes, (shape[0], shape[1])).astype(np.uint8) * 255, 'png')
