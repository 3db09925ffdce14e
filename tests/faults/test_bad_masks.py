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
from hcl_arch.restoration.user_mask import user_mask
from hcl_arch.utils.unreadable_image import UnreadableImageError, UnusableImageError
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

GRAY = r'expected a mask image of black \(0\) and white \(255\), found gray values up to'


def gray(*values: int, depth: type = np.uint8) -> bytes:
    """A picture of squares on black."""
    image = np.zeros((20, 20), depth)
    for number, value in enumerate(values):
        image[4 + 7 * number : 9 + 7 * number, 4:9] = value
    return ib.encoded_by_opencv('.png', image)


# Name -> content, class of the error, and what it says.
BAD: dict[str, tuple[bytes, type[Exception], str]] = {
    'labels_of_two_kinds.png': (gray(1, 2), UnusableImageError, f'{GRAY} 2'),
    'labels_of_many_kinds.png': (gray(20, 21), UnusableImageError, f'{GRAY} 21'),
    'dark_gray.png': (gray(127, 80), UnusableImageError, f'{GRAY} 127'),
    'labels_of_16_bit.png': (gray(300, 200, depth=np.uint16), UnusableImageError, f'{GRAY} 1'),
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


HOLE = np.zeros((20, 20), bool)
HOLE[4:9, 4:9] = True


def layer(inside: tuple[int, ...], outside: tuple[int, ...]) -> bytes:
    """A picture of two colours, in BGR or BGRA."""
    return ib.encoded_by_opencv('.png', np.where(HOLE[..., None], inside, outside).astype(np.uint8))


@pytest.mark.parametrize('inverted', [False, True])
@pytest.mark.parametrize('content', [
    gray(1), gray(1, depth=np.uint16), gray(255, depth=np.uint16), gray(65535, depth=np.uint16),
    layer((0, 0, 220), (0, 0, 0)), layer((90, 0, 0), (0, 0, 0)),
    layer((255, 255, 255, 255), (255, 255, 255, 0)), layer((0, 0, 0, 255), (0, 0, 0, 0)),
    layer((0, 0, 220, 255), (0, 0, 0, 0)),
], ids=['01', '01_deep', '8_in_16', 'deep', 'red', 'blue', 'white_layer', 'black_layer', 'red_layer'])  # fmt: skip
def test_data_sets_read_what_the_command_reads(content: bytes, inverted: bool, tmp_path: Path) -> None:
    """Masks of 0 and 1 were refused, strokes on a transparent layer were all hole or none."""
    (tmp_path / 'm.png').write_bytes(content)
    source = ImageSource(str(tmp_path))
    assert np.array_equal(source.read_mask(0, inverted=inverted), inverted != HOLE)
    assert np.array_equal(user_mask(tmp_path / 'm.png', 20, 20) > 0, HOLE)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif'])
def test_masks_of_trainings_mean_what_they_meant(suffix: str, tmp_path: Path) -> None:
    """Gray values of OpenCV from 128 on are holes, in colour too."""
    rng = np.random.default_rng(0)
    for shape in ((30, 40), (30, 40, 3), (30, 40, 4)):
        if suffix != '.jpg' or shape[-1] != 4:
            (tmp_path / f'm{suffix}').write_bytes(ib.encoded_by_opencv(suffix, rng.integers(0, 256, shape, np.uint8)))
            gray_values = cv2.imread(str(tmp_path / f'm{suffix}'), cv2.IMREAD_GRAYSCALE)
            assert np.array_equal(ImageSource(str(tmp_path)).read_mask(0), gray_values >= 128)


def test_erased_photograph_is_no_mask(tmp_path: Path) -> None:
    bright = np.random.default_rng(0).integers(150, 256, (20, 20, 3), np.uint8)
    (tmp_path / 'm.png').write_bytes(ib.encoded_by_opencv('.png', np.dstack([bright, HOLE * np.uint8(255)])))
    with pytest.raises(UnusableImageError, match='found that both its colours and its transparency differ'):
        ImageSource(str(tmp_path)).read_mask(0)
