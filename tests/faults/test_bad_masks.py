"""Masks that cannot be used, drawn as a training draws them: the error names the file, whichever way they are drawn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest

from hcl_arch.data.masks.mask_images import MaskImages
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.utils.unreadable_image import UnreadableImageError, UnusableImageError
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

GRAY = r'expected a mask image of black \(0\) and white \(255\), found gray values up to'


def gray(value: int, *, depth: type = np.uint8) -> bytes:
    image = np.zeros((20, 20), depth)
    image[4:9, 4:9] = value
    return ib.encoded_by_opencv('.png', image)


# Name -> content, class of the error, and what it says.
BAD: dict[str, tuple[bytes, type[Exception], str]] = {
    'labels_of_two_kinds.png': (gray(1), UnusableImageError, f'{GRAY} 1'),
    'labels_of_many_kinds.png': (gray(21), UnusableImageError, f'{GRAY} 21'),
    'dark_gray.png': (gray(127), UnusableImageError, f'{GRAY} 127'),
    'labels_of_16_bit.png': (gray(300, depth=np.uint16), UnusableImageError, f'{GRAY} 1'),
    'dark_colours.png': (
        ib.encoded_by_opencv('.png', np.full((9, 9, 3), (200, 0, 0), np.uint8)),
        UnusableImageError,
        f'{GRAY} 2\\d',
    ),
    'dark.jpg': (ib.encoded_by_opencv('.jpg', np.full((9, 9), 60, np.uint8)), UnusableImageError, f'{GRAY} 60'),
    'empty.png': (b'', UnreadableImageError, '0 bytes'),
    'text.png': (b'mask', UnreadableImageError, '4 bytes'),
    'labels.png': (b'{"shapes": [{"label": "hole", "points": []}]}', UnreadableImageError, '45 bytes'),
    'array.png': (b'\x93NUMPY\1\0' + bytes(200), UnreadableImageError, 'cannot be decoded'),
    'cut.png': (gray(255)[:60], UnreadableImageError, 'cut short'),
    'cut.jpg': (ib.encoded('JPEG')[:-9], UnreadableImageError, 'cut short'),
    'bomb.png': (ib.png(60_000, 60_000, depth=1, colour=0), UnreadableImageError, 'the limit of 268,435,456'),
    'bomb_of_fax.tif': (
        ib.tiff_of_size(60_000, 60_000, more={258: (3, 1), 259: (3, 4)}),
        UnreadableImageError,
        'the limit of 268,435,456',
    ),
    'no_pixels.png': (ib.png(0, 0), UnreadableImageError, 'the header is damaged'),
    'frames.png': (ib.encoded('GIF', 'P'), UnreadableImageError, 'cannot be decoded'),
}


@pytest.fixture(params=BAD)
def bad_folder(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A folder with one bad mask, and the mask's name."""
    (tmp_path / 'masks').mkdir()
    (tmp_path / 'masks' / request.param).write_bytes(BAD[request.param][0])
    return tmp_path / 'masks', request.param


@pytest.mark.parametrize('options', [{}, {'inverted': True}, {'cache_mib': 1}], ids=['plain', 'inverted', 'cached'])
def test_drawing(bad_folder: tuple[Path, str], options: dict[str, Any]) -> None:
    folder, name = bad_folder
    _, kind, words = BAD[name]
    masks = MaskImages(ImageSource(str(folder)), **options)
    for _ in range(2):  # nothing of a bad mask is kept
        with time_limit(), pytest.raises(kind, match=words) as caught:
            masks.draw((16, 16), hole_share=(0.1, 0.2), rng=np.random.default_rng(0))
        assert getattr(caught.value, 'path', None) == str(folder / name)
        assert str(caught.value).startswith(f'{folder / name}: expected ')


@pytest.mark.parametrize('name', [name for name in BAD if BAD[name][1] is UnreadableImageError])
def test_pair_with_a_bad_mask(name: str, tmp_path: Path) -> None:
    (tmp_path / 'masks').mkdir()
    (tmp_path / 'masks' / name).write_bytes(BAD[name][0])
    for role in ('lq', 'gt'):
        (tmp_path / role).mkdir()
        (tmp_path / role / Path(name).with_suffix('.png').name).write_bytes(ib.encoded('PNG'))
    roots = {
        'dataroot_lq': str(tmp_path / 'lq'),
        'dataroot_gt': str(tmp_path / 'gt'),
        'dataroot_mask': str(tmp_path / 'masks'),
    }
    dataset: Any = HCLPairedDataset(
        {'name': 'Pairs', 'type': 'HCLPairedDataset', 'phase': 'val', **roots, 'gt_size': 16, 'corruption': 'shadow'}
    )
    with time_limit(), pytest.raises(UnreadableImageError, match=BAD[name][2]) as caught:
        dataset[0]
    assert caught.value.path == str(tmp_path / 'masks' / name)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the kinds of files of POSIX')
@pytest.mark.parametrize(
    'make',
    [os.mkfifo, lambda path: path.symlink_to('/dev/zero'), lambda path: path.symlink_to(path.parent / 'lost.png')],
    ids=['pipe', 'device', 'link_to_nothing'],
)
def test_mask_that_is_no_file(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / 'm.png')
    with time_limit(), pytest.raises(UnreadableImageError, match=r'm\.png: the file cannot be opened'):
        MaskImages(ImageSource(str(tmp_path))).draw((16, 16), hole_share=(0.1, 0.2), rng=np.random.default_rng(0))


def test_black_and_white_masks_are_no_errors(tmp_path: Path) -> None:
    """They are masks without holes, or of nothing else."""
    for name, value in (('black', 0), ('white', 255)):
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((20, 20), value, np.uint8))
    holes = MaskImages(ImageSource(str(tmp_path))).draw((16, 16), hole_share=(0.1, 0.2), rng=np.random.default_rng(0))
    assert 0.1 <= holes.mean() <= 0.2
