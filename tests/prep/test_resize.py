from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from hcl_arch.data.storage.image_source import ImageSource
from preparation import (
    EncodedImage,
    PrepItem,
    ResizeShortSide,
    UnreadableImageError,
    decode_bgr,
    read_source,
    resize_short_side,
)

WriteImage = Callable[..., Path]


def decode(image: EncodedImage) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(image.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    shape = decoded.shape if decoded.ndim == 3 else (*decoded.shape, 1)
    assert shape == (image.height, image.width, image.channels)
    return decoded  # type: ignore[return-value]


def apply(path: Path, **options: Any) -> EncodedImage:
    return ResizeShortSide(**options)(PrepItem(str(path), 'key'))


@pytest.mark.parametrize(
    ('height', 'width', 'size', 'expected'),
    [
        (60, 90, 20, (20, 30)),
        (90, 60, 20, (30, 20)),
        (60, 60, 20, (20, 20)),
        (61, 90, 20, (20, 30)),
        (60, 90, 60, (60, 90)),
        (60, 90, 100, (60, 90)),
        (60, 90, None, (60, 90)),
        (2, 900, 1, (1, 450)),
    ],
)
def test_short_side(
    tmp_path: Path, write_image: WriteImage, height: int, width: int, size: int | None, expected: tuple[int, int]
) -> None:
    image = apply(write_image(tmp_path / 'x.png', height=height, width=width), size=size, format='jpg')
    assert image.extension == '.jpg'
    assert decode(image).shape == (*expected, 3)


def test_reduction_is_by_area() -> None:
    """Each pixel is the mean of a block: 4 values of 0, 10, 20, 30 give 15."""
    block = np.array([[0, 10], [20, 30]], np.uint8)
    image = np.repeat(np.tile(block, (4, 6))[..., None], 3, axis=2)
    assert (resize_short_side(image, 4) == 15).all()
    assert resize_short_side(image, 4).shape == (4, 6, 3)


def test_png_keeps_the_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'x.bmp'), pixels)
    assert np.array_equal(decode(apply(tmp_path / 'x.bmp', size=9, format='png')), pixels)


def test_quality_decides_about_jpeg(tmp_path: Path, write_image: WriteImage) -> None:
    path = write_image(tmp_path / 'x.png')
    sizes = [len(apply(path, size=40, quality=quality).content) for quality in (10, 60, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


def test_files_that_fit_are_copied(tmp_path: Path, write_image: WriteImage) -> None:
    jpeg, png = write_image(tmp_path / 'x.jpg'), write_image(tmp_path / 'y.png')
    gray = tmp_path / 'gray.png'
    cv2.imwrite(str(gray), np.full((48, 50), 7, np.uint8))
    misnamed = tmp_path / 'in truth a jpeg.png'
    misnamed.write_bytes(jpeg.read_bytes())
    for path, kind in ((jpeg, 'jpg'), (png, 'png'), (gray, 'png'), (misnamed, 'jpg')):
        for size in (48, 100, None):
            image = apply(path, size=size, format=kind, quality=10)
            assert image.content == path.read_bytes()
            decode(image)
        assert apply(path, size=47, format=kind).content != path.read_bytes()
    assert apply(jpeg, size=48, format='png').content != jpeg.read_bytes()
    assert apply(png, size=48, format='jpg').extension == '.jpg'


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('size', [48, 10])
def test_orientation_is_applied(tmp_path: Path, write_image: WriteImage, orientation: int, size: int) -> None:
    """Also where a large JPEG is decoded at a part of its size (48 x 64 at 1/2 for a short side of 10)."""
    upright = PIL.Image.open(write_image(tmp_path / 'x.png', height=48, width=64))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    upright.save(tmp_path / 'x.jpg', exif=exif, quality=95)
    copied = apply(tmp_path / 'x.jpg', size=size, format='jpg').content == (tmp_path / 'x.jpg').read_bytes()
    assert copied == (orientation == 1 and size == 48)
    image = apply(tmp_path / 'x.jpg', size=size, format='png')
    (tmp_path / 'x.png').unlink()
    expected = ImageSource(str(tmp_path)).read_rgb(0)[..., ::-1]
    assert expected.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    shape = (image.width, image.height)
    expected = cv2.resize(expected, shape, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    assert np.abs(decode(image).astype(int) - expected).mean() < 4


@pytest.mark.parametrize(
    'pixels',
    [
        np.full((4, 5), 100, np.uint8),
        np.full((4, 5), 100 * 257, np.uint16),
        np.full((4, 5, 3), 100 * 257, np.uint16),
        np.full((4, 5, 4), 100, np.uint8),
    ],
)
@pytest.mark.parametrize('size', [2, 4])
def test_other_pixel_formats_become_8_bit(tmp_path: Path, pixels: NDArray[Any], size: int) -> None:
    cv2.imwrite(str(tmp_path / 'x.png'), pixels)
    decoded = decode(apply(tmp_path / 'x.png', size=size, format='png'))
    assert decoded.dtype == np.uint8
    assert decoded.shape[2:] in ((3,), ())
    assert (decoded == 100).all()


def test_cmyk_and_palette(tmp_path: Path) -> None:
    PIL.Image.new('CMYK', (6, 6), (0, 255, 255, 0)).save(tmp_path / 'x.jpg')
    image = apply(tmp_path / 'x.jpg', size=6, format='jpg')
    assert image.content != (tmp_path / 'x.jpg').read_bytes()
    assert np.abs(decode(image).astype(int) - (0, 0, 255)).max() < 8  # red, BGR
    PIL.Image.new('RGB', (6, 6), (255, 0, 0)).quantize(4).save(tmp_path / 'x.png')
    assert (decode(apply(tmp_path / 'x.png', size=6, format='png')) == (0, 0, 255)).all()


@pytest.mark.parametrize(
    ('least', 'shape'),
    [
        (None, (480, 640)),
        (241, (480, 640)),
        (121, (480, 640)),
        (120, (240, 320)),
        (61, (240, 320)),
        (60, (120, 160)),
        (31, (120, 160)),
        (30, (60, 80)),
        (1, (60, 80)),
    ],
)
def test_large_jpeg_is_decoded_at_a_part_of_its_size(
    tmp_path: Path, write_image: WriteImage, least: int | None, shape: tuple[int, int]
) -> None:
    content = write_image(tmp_path / 'x.jpg', height=480, width=640).read_bytes()
    assert decode_bgr(content, least_short_side=least).shape == (*shape, 3)
    png = write_image(tmp_path / 'x.png', height=480, width=640).read_bytes()
    assert decode_bgr(png, least_short_side=least).shape == (480, 640, 3)


@pytest.mark.parametrize('name', ['x.jpg', 'x.png'])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.99])
def test_file_cut_short(tmp_path: Path, write_image: WriteImage, name: str, share: float) -> None:
    path = write_image(tmp_path / name, height=100, width=100)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnreadableImageError, match='cut short|cannot be decoded'):
        apply(path, size=100, format='jpg')
    path.write_bytes(content + b'appended by a camera')
    apply(path, size=100, format='jpg')


def test_thumbnail_does_not_hide_that_a_jpeg_is_cut_short(tmp_path: Path, write_image: WriteImage) -> None:
    """The thumbnail in the EXIF data has an end marker of its own."""
    thumbnail = write_image(tmp_path / 'thumbnail.jpg', height=10, width=10).read_bytes()
    content = write_image(tmp_path / 'x.jpg', height=100, width=100).read_bytes()
    segment = b'\xff\xe2' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    with_thumbnail = content[:2] + segment + content[2:]
    decode_bgr(with_thumbnail)
    with pytest.raises(UnreadableImageError, match='100 x 100 pixels and is cut short'):
        decode_bgr(with_thumbnail[:-100])


def test_unreadable_sources(tmp_path: Path) -> None:
    (tmp_path / 'empty.jpg').write_bytes(b'')
    (tmp_path / 'text.jpg').write_text('not an image')
    (tmp_path / 'folder.jpg').mkdir()
    (tmp_path / 'link.jpg').symlink_to(tmp_path / 'nowhere.jpg')
    for name, reason in (
        ('empty', 'an empty file'),
        ('text', '12 bytes that cannot be decoded'),
        ('folder', 'Is a directory'),
        ('link', 'a link to nothing'),
    ):
        with pytest.raises(UnreadableImageError, match=reason):
            apply(tmp_path / f'{name}.jpg')


def test_a_source_that_is_gone_is_no_unreadable_image(tmp_path: Path) -> None:
    """A network drive that went away must not leave half the data set listed as unreadable."""
    with pytest.raises(FileNotFoundError):
        read_source(str(tmp_path / 'gone.jpg'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'size': 0}, 'size expects a number of at least 1 or None, got 0'),
        ({'format': 'gif'}, "format expects 'jpg' or 'png', got 'gif'"),
        ({'quality': 0}, 'quality expects a number from 1 to 100, got 0'),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResizeShortSide(**options)


def test_transform_can_be_pickled() -> None:
    transform = ResizeShortSide(12, 'png')
    assert pickle.loads(pickle.dumps(transform)) == transform
