"""What the data set does with each kind of image that nobody expected."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.storage.image_source import ImageSource

SIZE = 32
MakeFolder = Callable[..., Path]
ToLmdb = Callable[[Path], Path]
Build = Callable[..., Any]


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """Return an image with a ramp in each direction, (height, width, 3) uint8."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramps = np.stack([rows * 255 / height, columns * 255 / width, np.full(rows.shape, 128)], 2)
    return ramps.astype(np.uint8)


def jpeg(image: NDArray[np.uint8], mode: str = 'RGB', **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, 'JPEG', quality=95, **options)
    return file.getvalue()


@pytest.fixture
def build(make_folder: MakeFolder, tmp_path: Path) -> Build:
    """Function (name, content, **options) that makes a validation set whose only true image is that file."""
    noise = make_folder('noise', 2, height=SIZE, width=SIZE)

    def make(name: str, content: bytes, **options: Any) -> Any:
        (tmp_path / 'truth').mkdir()
        (tmp_path / 'truth' / name).write_bytes(content)
        return BlindCorruptionDataset(
            {
                'name': 'Odd',
                'type': 'BlindCorruptionDataset',
                'phase': 'val',
                'gt_size': SIZE,
                'dataroot_gt': str(tmp_path / 'truth'),
                'dataroot_noise': str(noise),
                **options,
            }
        )

    return make


def png(image: NDArray[Any]) -> bytes:
    return cv2.imencode('.png', image)[1].tobytes()


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('share', [0.5, 0.98])
def test_truncated_jpeg_is_an_error_with_its_name(build: Build, progressive: bool, share: float) -> None:
    content = jpeg(smooth(200, 300), progressive=progressive)
    with pytest.raises(OSError, match=r'truth/cut\.jpg: expected an image, found \d+ bytes .*cut short\. Replace'):
        build('cut.jpg', content[: int(share * len(content))])[0]


@pytest.mark.parametrize('thumbnail', [False, True])
def test_truncated_jpeg_is_seen_even_if_opencv_fills_it_with_gray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thumbnail: bool
) -> None:
    """OpenCV 4 does; the end marker of an embedded thumbnail must not be taken for that of the image."""
    content = jpeg(smooth(200, 300))
    if thumbnail:
        small = b'Exif\0\0' + jpeg(smooth(20, 30))
        content = content[:2] + b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small + content[2:]
    (tmp_path / 'x.jpg').write_bytes(content)
    source = ImageSource(str(tmp_path))
    assert source.read_rgb(0).shape == (200, 300, 3)
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: np.full((200, 300, 3), 128, np.uint8))
    (tmp_path / 'x.jpg').write_bytes(content[:-100])
    with pytest.raises(OSError, match=r'x\.jpg: expected an image'):
        source.read_rgb(0)


@pytest.mark.parametrize('tail', [b'\0' * 9, b'\xff\xda' * 50, b'film\xff\xd8\xff\xda more'])
def test_jpeg_with_other_data_behind_it_is_whole(tmp_path: Path, tail: bytes) -> None:
    """Phones append films to their photographs."""
    (tmp_path / 'x.jpg').write_bytes(jpeg(smooth(40, 48)) + tail)
    assert ImageSource(str(tmp_path)).read_rgb(0).shape == (40, 48, 3)


def test_truncated_png_is_an_error_with_its_name(build: Build) -> None:
    content = png(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    with pytest.raises(OSError, match=r'truth/cut\.png: expected an image'):
        build('cut.png', content[: len(content) // 2])[0]


def test_cmyk_jpeg_has_the_colours_of_the_rgb_one(tmp_path: Path) -> None:
    (tmp_path / 'x.jpg').write_bytes(jpeg(smooth(40, 48), 'CMYK'))
    decoded = ImageSource(str(tmp_path)).read_rgb(0).astype(int)
    assert np.abs(decoded - smooth(40, 48)).mean() < 3


def test_grayscale_jpeg_has_three_equal_channels(build: Build) -> None:
    truth = build('gray.jpg', jpeg(smooth(40, 48), 'L'))[0]['gt']
    assert truth.shape == (3, SIZE, SIZE)
    assert torch.equal(truth[0], truth[1])
    assert torch.equal(truth[0], truth[2])
    assert truth.std() > 0.05


def test_alpha_is_dropped(build: Build) -> None:
    image = np.dstack([smooth(SIZE, SIZE)[..., ::-1], np.full((SIZE, SIZE), 10, np.uint8)])
    truth = build('alpha.png', png(image))[0]['gt'].numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal((truth * 255).round(), smooth(SIZE, SIZE))


def test_16_bit_is_scaled_down(build: Build) -> None:
    image = smooth(SIZE, SIZE)[..., ::-1].astype(np.uint16) * 257
    truth = build('deep.png', png(image))[0]['gt'].numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal((truth * 255).round(), smooth(SIZE, SIZE))


@pytest.mark.parametrize('phase', ['val', 'train'])
def test_image_of_one_pixel_fills_the_sample(build: Build, phase: str) -> None:
    options = {'phase': phase, 'batch_size_per_gpu': 1}
    sample = build('dot.png', png(np.array([[[51, 102, 255]]], np.uint8)), **options)[0]  # BGR
    assert torch.allclose(sample['gt'], torch.tensor([1, 0.4, 0.2])[:, None, None].expand(3, SIZE, SIZE))
    assert torch.isfinite(sample['lq']).all()


@pytest.mark.parametrize('phase', ['val', 'train'])
def test_image_smaller_than_the_crop_is_enlarged(build: Build, phase: str) -> None:
    sample = build('small.jpg', jpeg(smooth(20, 10)), phase=phase, batch_size_per_gpu=1, crop_scale=[0.5, 1.0])[0]
    assert sample['gt'].shape == (3, SIZE, SIZE)
    assert sample['gt'].max() <= 1
    assert sample['gt'].min() >= 0


@pytest.mark.parametrize('shape', [(8, 8), (100, 40), (1, 1)])
def test_mask_image_of_another_size_is_fitted(build: Build, tmp_path: Path, shape: tuple[int, int]) -> None:
    (tmp_path / 'masks').mkdir()
    white_top = np.zeros(shape, np.uint8)
    white_top[: (shape[0] + 1) // 2] = 255
    cv2.imwrite(str(tmp_path / 'masks' / 'm.png'), white_top)
    dataset = build('x.jpg', jpeg(smooth(40, 40)), dataroot_mask=str(tmp_path / 'masks'), hole_share=[0.5, 0.5])
    assert dataset[0]['mask'].mean() == pytest.approx(0.5)


def test_empty_meta_file(build: Build, make_folder: MakeFolder, to_lmdb: ToLmdb) -> None:
    target = to_lmdb(make_folder('photos', 2))
    (target / 'meta_info.txt').write_text('')
    with pytest.raises(ValueError, match=r"'dataroot_noise': .*meta_info\.txt: expected a line for each image"):
        build('x.jpg', jpeg(smooth(40, 40)), dataroot_noise=str(target))


def test_key_that_the_lmdb_lacks(build: Build, make_folder: MakeFolder, to_lmdb: ToLmdb) -> None:
    target = to_lmdb(make_folder('photos', 2))
    (target / 'meta_info.txt').write_text('lost.png (40,48,3) 1\ngone.png (40,48,3) 1\n')
    dataset = build('x.jpg', jpeg(smooth(40, 40)), dataroot_noise=str(target))
    with pytest.raises(OSError, match=r'photos\.lmdb/(lost|gone): meta_info\.txt names this key'):
        dataset[0]


def test_two_data_sets_share_one_lmdb(make_folder: MakeFolder, to_lmdb: ToLmdb) -> None:
    """lmdb 2 and newer refuse to open an environment twice in a process."""
    target = str(to_lmdb(make_folder('photos', 3)))
    options = {'type': 'BlindCorruptionDataset', 'gt_size': SIZE, 'dataroot_gt': target, 'dataroot_noise': target}
    train: Any = BlindCorruptionDataset({**options, 'name': 'a', 'phase': 'train', 'batch_size_per_gpu': 1})
    validation: Any = BlindCorruptionDataset({**options, 'name': 'b', 'phase': 'val'})
    first = validation[0]
    assert train[0]['gt_path'] == first['gt_path'] == f'{target}/000'
    assert torch.equal(validation[0]['lq'], first['lq'])


@pytest.mark.parametrize(
    ('least_side', 'sizes'),
    [(None, (400, 640)), (101, (400, 640)), (100, (200, 320)), (32, (100, 160)), (10, (50, 80))],
)
def test_jpeg_is_decoded_at_twice_the_needed_size_at_least(
    tmp_path: Path, least_side: int | None, sizes: tuple[int, int]
) -> None:
    image = smooth(400, 640)
    (tmp_path / 'x.jpg').write_bytes(jpeg(image))
    reduced = ImageSource(str(tmp_path)).read_rgb(0, least_side=least_side)
    assert reduced.shape == (*sizes, 3)
    expected = cv2.resize(image, sizes[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - expected).mean() < 2


def test_other_formats_are_decoded_at_full_size(tmp_path: Path) -> None:
    (tmp_path / 'x.png').write_bytes(png(smooth(400, 640)))
    assert ImageSource(str(tmp_path)).read_rgb(0, least_side=10).shape == (400, 640, 3)


def test_rgba_is_read_with_its_alpha(tmp_path: Path) -> None:
    bgra = np.zeros((2, 3, 4), np.uint8)
    bgra[0, 0] = 10, 20, 30, 40
    for name, depth in (('a', 1), ('b', 257)):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'x.png').write_bytes(png(bgra if depth == 1 else bgra.astype(np.uint16) * 257))
        picture = ImageSource(str(tmp_path / name)).read_rgba(0)
        assert (picture.shape, picture.dtype) == ((2, 3, 4), np.uint8)
        assert picture[0, 0].tolist() == [30, 20, 10, 40]


def test_picture_without_alpha_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'x.png').write_bytes(png(smooth(5, 5)))
    with pytest.raises(ValueError, match=r'x\.png: expected an image with an alpha channel, found 3 channel'):
        ImageSource(str(tmp_path)).read_rgba(0)
