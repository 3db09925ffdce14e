"""Reading and writing photographs: pixels exact, metadata carried over, bad files refused with a reason."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.restoration.photographs.photograph_encoding import as_8_bit, on_white
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata
from hcl_arch.utils.unreadable_image import UnreadableImageError

ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
# What a viewer does with each orientation, in numpy's words: the definition, written another way than the code's.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: lambda a: np.rot90(a),
}


def drawn(shape: tuple[int, ...], dtype: str = 'uint8') -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def saved(image: Image.Image, file_format: str, **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    stream.seek(0)
    return stream


def anew(photograph: Photograph) -> Photograph:
    """The same without the file it came from, so that it is encoded and not kept."""
    return replace(photograph, content=b'')


def with_a_repair(photograph: Photograph) -> Photograph:
    """The same with its first pixel inverted."""
    pixels = photograph.pixels.copy()
    pixels[0, 0] = np.iinfo(pixels.dtype).max - pixels[0, 0]
    return photograph.with_pixels(pixels)


def again(photograph: Photograph, wanted: str | None = None, **options: object) -> Photograph:
    """Write a photograph and read it back."""
    return read_photograph(io.BytesIO(anew(photograph).encode(wanted, **options)[0]))


@pytest.mark.parametrize(
    ('mode', 'shape', 'is_gray'),
    [
        ('L', (7, 5), True),
        ('RGB', (7, 5, 3), False),
        ('RGBA', (7, 5, 4), False),
        ('LA', (7, 5, 2), True),
    ],
)
@pytest.mark.parametrize('file_format', ['PNG', 'TIFF', 'WEBP', 'BMP'])
def test_8_bit_comes_back_exactly(mode: str, shape: tuple[int, ...], is_gray: bool, file_format: str) -> None:
    if file_format == 'BMP' and mode in ('RGBA', 'LA'):
        pytest.skip('a BMP has no alpha here')
    image = Image.fromarray(drawn(shape), mode)
    options = {'lossless': True, 'exact': True} if file_format == 'WEBP' else {}
    photograph = read_photograph(
        saved(image.convert('RGBA') if file_format == 'WEBP' and mode == 'LA' else image, file_format, **options)
    )
    expected = np.array(image.convert('RGBA') if mode == 'LA' else image)
    if file_format == 'WEBP' and mode == 'L':
        expected = np.array(image.convert('RGB'))
    np.testing.assert_array_equal(photograph.pixels, expected)
    written = again(photograph)
    assert written.format == file_format
    np.testing.assert_array_equal(written.pixels, photograph.pixels)
    assert written.is_gray == photograph.is_gray == (is_gray and file_format != 'WEBP')
    with Image.open(io.BytesIO(anew(photograph).encode()[0])) as file:
        assert file.mode == (mode if file_format != 'WEBP' else {'L': 'RGB', 'LA': 'RGBA'}.get(mode, mode))


@pytest.mark.parametrize('shape', [(6, 4), (6, 4, 3), (6, 4, 4)])
@pytest.mark.parametrize('file_format', ['PNG', 'TIFF'])
def test_16_bit_comes_back_exactly(shape: tuple[int, ...], file_format: str) -> None:
    pixels = drawn(shape, 'uint16')
    stored = (
        pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[shape[2]])
    )
    photograph = read_photograph(io.BytesIO(cv2.imencode('.' + file_format.lower(), stored)[1].tobytes()))
    assert photograph.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photograph.pixels, pixels)
    written = again(photograph)
    assert (written.format, written.pixels.dtype) == (file_format, np.uint16)
    np.testing.assert_array_equal(written.pixels, pixels)


@pytest.mark.parametrize(
    'options',
    [
        {'photometric': 'minisblack'},
        {'photometric': 'miniswhite'},
        {'photometric': 'rgb', 'planarconfig': 'separate'},
        {'photometric': 'rgb', 'compression': 'zlib', 'predictor': True},
        {'photometric': 'rgb', 'bigtiff': True},
        {'photometric': 'rgb', 'byteorder': '>'},
        {'photometric': 'rgb', 'tile': (16, 16)},
    ],
)
def test_16_bit_tiff_of_all_layouts(options: dict) -> None:
    colour = options['photometric'] == 'rgb'
    pixels = drawn((20, 18, 3) if colour else (20, 18), 'uint16')
    stored = np.moveaxis(pixels, -1, 0) if 'planarconfig' in options else pixels
    stream = io.BytesIO()
    tifffile.imwrite(stream, stored, metadata=None, **options)
    stream.seek(0)
    expected = 65535 - pixels if options['photometric'] == 'miniswhite' else pixels
    np.testing.assert_array_equal(read_photograph(stream).pixels, expected)


def test_16_bit_gray_with_alpha() -> None:
    gray_alpha = drawn((6, 5, 2), 'uint16')
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, gray_alpha, photometric='minisblack', planarconfig='contig', extrasamples=['unassalpha'], metadata=None
    )
    stream.seek(0)
    photograph = read_photograph(stream)
    assert photograph.is_gray
    np.testing.assert_array_equal(photograph.pixels[..., 0], gray_alpha[..., 0])
    np.testing.assert_array_equal(photograph.pixels[..., 3], gray_alpha[..., 1])
    np.testing.assert_array_equal(again(photograph).pixels, photograph.pixels)
    np.testing.assert_array_equal(again(photograph, 'PNG').pixels, photograph.pixels)


def test_16_bit_lzw_tiff_with_predictor() -> None:
    pixels = drawn((6, 5, 3), 'uint16')
    content = cv2.imencode('.tiff', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1]
    np.testing.assert_array_equal(read_photograph(io.BytesIO(content.tobytes())).pixels, pixels)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('file_format', ['JPEG', 'PNG', 'TIFF', 'WEBP', 'PNG16', 'TIFF16'])
def test_orientation_is_applied_and_reset(orientation: int, file_format: str) -> None:
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:8, :16] = 255  # a mark in the corner, of another size each way
    pixels[:8, 16:24] = 120
    if file_format == 'TIFF16':
        stream = io.BytesIO()
        tifffile.imwrite(
            stream,
            pixels.astype(np.uint16) * 257,
            photometric='rgb',
            metadata=None,
            extratags=[(ORIENTATION, 'H', 1, orientation, True)],
        )
        stream.seek(0)
    elif file_format == 'PNG16':
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        holder = saved(Image.fromarray(pixels), 'PNG', exif=exif).getvalue()
        start = holder.index(b'eXIf') - 4
        length = int.from_bytes(holder[start : start + 4], 'big') + 12
        deep = cv2.imencode('.png', pixels.astype(np.uint16) * 257)[1].tobytes()
        stream = io.BytesIO(deep[:33] + holder[start : start + length] + deep[33:])
    else:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        exif[0x010F] = 'Maker'
        options = {'quality': 95, 'subsampling': 0} if file_format == 'JPEG' else {}
        options.update({'lossless': True} if file_format == 'WEBP' else {})
        stream = saved(Image.fromarray(pixels), file_format, exif=exif, **options)
    photograph = read_photograph(stream)
    expected = UPRIGHT[orientation](pixels)
    assert photograph.pixels.shape == expected.shape
    assert np.abs(as_8_bit(photograph.pixels).astype(int) - expected).max() < 12
    written = anew(photograph).encode()[0]
    with Image.open(io.BytesIO(written)) as file:
        assert file.getexif().get(ORIENTATION, 1) == 1
        if '16' not in file_format:
            assert file.getexif()[0x010F] == 'Maker'
    np.testing.assert_array_equal(read_photograph(io.BytesIO(written)).pixels.shape, expected.shape)


@pytest.mark.parametrize('file_format', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('deep', [False, True])
def test_profile_exif_xmp_and_dpi_are_kept(file_format: str, deep: bool) -> None:
    if deep and file_format in ('JPEG', 'WEBP'):
        pytest.skip('has 8 bit only')
    exif = Image.Exif()
    exif[0x010E] = 'A bridge'
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t"><rdf tiff:Orientation="6">me</rdf></x:xmpmeta>'
    options: dict = {'icc_profile': SRGB, 'exif': exif}
    options.update({} if file_format == 'WEBP' else {'dpi': (300, 300)})
    if file_format in ('JPEG', 'WEBP'):
        options['xmp'] = xmp
    photograph = read_photograph(saved(Image.fromarray(drawn((9, 8, 3))), file_format, **options))
    if deep:
        photograph = Photograph(photograph.pixels.astype(np.uint16) * 257, file_format, metadata=photograph.metadata)
    content = anew(photograph).encode()[0]
    with Image.open(io.BytesIO(content)) as file:
        assert file.info['icc_profile'] == SRGB
        assert file.getexif()[0x010E] == 'A bridge'
        if file_format != 'WEBP':
            assert file.info['dpi'] == pytest.approx((300, 300), abs=0.1)
        if 'xmp' in options:
            # With an orientation in EXIF or without one, a reader finds none but upright.
            assert file.info['xmp'] == xmp.replace(b'"6"', b'"1"')
    with Image.open(io.BytesIO(photograph.encode(keep_metadata=False)[0])) as file:
        assert file.info['icc_profile'] == SRGB
        assert not {'exif', 'xmp', 'dpi'} & set(file.info) or file_format == 'TIFF'
        assert 0x010E not in file.getexif()


def test_metadata_cross_formats() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">me</x:xmpmeta>'
    photograph = read_photograph(saved(Image.fromarray(drawn((9, 8, 3))), 'JPEG', icc_profile=SRGB, xmp=xmp))
    for wanted in ('PNG', 'TIFF', 'WEBP', 'JPEG'):
        assert again(photograph, wanted).metadata.xmp == xmp, wanted
        assert again(photograph, wanted).metadata.icc_profile == SRGB, wanted


def test_profile_of_gray_is_not_written_with_colour() -> None:
    gray_profile = SRGB[:16] + b'GRAY' + SRGB[20:]
    photograph = read_photograph(saved(Image.fromarray(drawn((9, 8))), 'PNG', icc_profile=gray_profile))
    assert again(photograph).metadata.icc_profile == gray_profile
    assert again(photograph, 'WEBP').metadata.icc_profile is None


def test_thumbnail_of_the_spoiled_photograph_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x010F] = 'Maker'
    thumbnail = saved(Image.fromarray(drawn((4, 4, 3))), 'JPEG').getvalue()
    ifd1 = exif.get_ifd(0x0201 and 1)
    ifd1[0x0103] = 6
    photograph = read_photograph(saved(Image.fromarray(drawn((9, 8, 3))), 'JPEG', exif=exif.tobytes() + thumbnail))
    assert thumbnail not in anew(photograph).encode()[0]
    assert thumbnail not in with_a_repair(photograph).encode()[0]


def test_palette_and_1_bit() -> None:
    image = Image.fromarray(drawn((9, 8, 3))).quantize(16)
    photograph = read_photograph(saved(image, 'PNG'))
    np.testing.assert_array_equal(photograph.pixels, np.array(image.convert('RGB')))
    clear = read_photograph(saved(image, 'PNG', transparency=3))
    assert clear.pixels.shape == (9, 8, 4)
    np.testing.assert_array_equal(clear.pixels[..., 3] == 0, np.array(image) == 3)
    bits = Image.fromarray(drawn((9, 8))).convert('1')
    np.testing.assert_array_equal(read_photograph(saved(bits, 'PNG')).pixels, np.array(bits.convert('L')))
    np.testing.assert_array_equal(
        read_photograph(saved(bits, 'TIFF', compression='group4')).pixels, np.array(bits.convert('L'))
    )


def test_cmyk_becomes_rgb_and_says_so() -> None:
    inks = Image.new('CMYK', (16, 16), (0, 255, 255, 0))  # red
    photograph = read_photograph(saved(inks, 'JPEG', quality=95))
    assert photograph.pixels.shape == (16, 16, 3)
    red, green, blue = photograph.pixels[8, 8]
    assert red > 200
    assert max(green, blue) < 80
    assert 'CMYK' in ' '.join(photograph.remarks)
    assert 'without an ICC profile' in ' '.join(photograph.remarks)
    broken = read_photograph(saved(inks, 'JPEG', icc_profile=b'\0' * 16 + b'CMYK' + b'\0' * 200))
    assert broken.metadata.icc_profile is None
    with Image.open(io.BytesIO(anew(broken).encode()[0])) as file:
        assert (file.mode, 'icc_profile' in file.info) == ('RGB', False)


@pytest.mark.parametrize('file_format', ['GIF', 'WEBP', 'PNG', 'TIFF'])
def test_of_several_frames_the_first_is_read_with_a_remark(file_format: str) -> None:
    frames = [Image.new('RGB', (12, 10), colour) for colour in ('red', 'blue')]
    options = {'lossless': True} if file_format == 'WEBP' else {}
    photograph = read_photograph(saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(photograph.pixels[..., :3], np.array(frames[0]))
    assert 'first' in ' '.join(photograph.remarks)
    assert photograph.written_format() == ('PNG' if file_format == 'GIF' else file_format)


def test_lossless_webp_stays_lossless_and_lossy_stays_lossy() -> None:
    image = Image.fromarray(drawn((32, 32, 3)))
    assert read_photograph(saved(image, 'WEBP', lossless=True)).is_lossless
    lossy = read_photograph(saved(image, 'WEBP', quality=50))
    assert not lossy.is_lossless
    assert not again(lossy).is_lossless
    assert not again(read_photograph(saved(image, 'WEBP', lossless=True)), quality=80).is_lossless


def test_what_a_format_cannot_hold_is_remarked() -> None:
    photograph = Photograph(drawn((5, 4, 4), 'uint16'))
    content, remarks = photograph.encode('JPEG')
    assert '8 bit' in remarks[0]
    assert 'white' in remarks[1]
    assert read_photograph(io.BytesIO(content)).pixels.shape == (5, 4, 3)
    with pytest.raises(ValueError, match='JPEG has at most 65,535 pixels a side: give --format png'):
        Photograph(np.zeros((1, 65536), np.uint8)).encode('JPEG')


@pytest.mark.parametrize('more', [0, 1])
@pytest.mark.parametrize(('name', 'start'), [('exif', 0), ('xmp', len('http://ns.adobe.com/xap/1.0/') + 1)])
def test_metadata_too_long_for_a_jpeg_are_remarked(name: str, start: int, more: int) -> None:
    content = (b'Exif\0\0' if name == 'exif' else b'<').ljust(65533 - start + more, b' ')
    photograph = Photograph(drawn((5, 4, 3)), metadata=PhotographMetadata(**{name: content}))
    file, remarks = photograph.encode('JPEG')
    assert remarks == ([f'written without {name.upper()}, which JPEG has 64 KB for'] if more else [])
    assert (content in file) == (not more)
    assert not photograph.encode('JPEG', keep_metadata=False)[1]
    assert not photograph.encode('WEBP')[1]


def test_16_bit_is_scaled_and_laid_on_white_by_hand() -> None:
    assert as_8_bit(np.array([0, 128, 129, 257, 65535], np.uint16)).tolist() == [0, 0, 1, 1, 255]
    assert on_white(np.array([[[100, 0, 255, 0], [100, 0, 255, 255]]], np.uint8)).tolist() == [
        [[255, 255, 255], [100, 0, 255]]
    ]


def test_pixels_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r'Expected pixels of shape \(5, 4\)'):
        Photograph(np.zeros((5, 4), np.uint8)).with_pixels(np.zeros((4, 5), np.uint8))


def test_extension_tells_the_format(tmp_path) -> None:
    photograph = Photograph(drawn((5, 4, 3)))
    photograph.write(tmp_path / 'a.tif')
    assert read_photograph(tmp_path / 'a.tif').format == 'TIFF'
    photograph.write(tmp_path / 'b.tif', format='PNG')
    assert read_photograph(tmp_path / 'b.tif').format == 'PNG'
    assert sorted(os.listdir(tmp_path)) == ['a.tif', 'b.tif']


@pytest.mark.parametrize(
    ('file_format', 'cut'),
    [
        ('JPEG', 0.5),
        ('PNG', 0.5),
        ('TIFF', 0.5),
        ('WEBP', 0.5),
        ('BMP', 0.5),
        ('GIF', 0.5),
        ('JPEG', 0.01),
        ('PNG', 0.01),
        ('BMP', 0.01),
        ('GIF', 0.001),
    ],
)
def test_truncated_file_is_refused(file_format: str, cut: float) -> None:
    content = saved(Image.fromarray(drawn((64, 64, 3))), file_format).getvalue()
    with pytest.raises(UnreadableImageError, match='cut short|damaged|truncated|no photograph'):
        read_photograph(io.BytesIO(content[: int(len(content) * cut)]))


def test_stated_size_beyond_the_limit_is_refused_undecoded() -> None:
    content = bytearray(saved(Image.fromarray(drawn((4, 4, 3))), 'PNG').getvalue())
    content[16:24] = (100_000).to_bytes(4, 'big') * 2
    with pytest.raises(UnreadableImageError, match='states 100,000 x 100,000 pixels, more than the limit'):
        read_photograph(io.BytesIO(bytes(content)))
    gif = bytearray(saved(Image.fromarray(drawn((4, 4))), 'GIF').getvalue())
    gif[6:10] = b'\xff\xff\xff\xff'
    with pytest.raises(UnreadableImageError, match='more than the limit'):
        read_photograph(io.BytesIO(bytes(gif)))
    gif[6:10] = b'\x04\0\x04\0'
    frame = gif.index(b',\0\0\0\0\x04\0\x04\0')
    gif[frame + 5 : frame + 9] = b'\xff\xff\xff\xff'
    with pytest.raises(UnreadableImageError):
        read_photograph(io.BytesIO(bytes(gif)))


def test_more_than_pillows_own_limit_within_ours_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    assert read_photograph(saved(Image.fromarray(drawn((32, 32, 3))), 'PNG')).size == (32, 32)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_raw_camera_file_is_not_taken_for_its_thumbnail() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, drawn((8, 8, 3)), photometric='rgb', metadata=None, subfiletype=1)
    stream.seek(0)
    with pytest.raises(UnreadableImageError, match='raw camera file'):
        read_photograph(stream)
