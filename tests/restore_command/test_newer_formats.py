"""AVIF, JPEG 2000 and HEIC: pixels, metadata, and what their files may state."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from hcl_arch.restoration.photographs.photograph import COPIED, Photograph, read_photograph
from hcl_arch.utils.image_limits import Limits
from hcl_arch.utils.unreadable_image import UnreadableImageError
from tests.faults import hostile_photographs as hp
from tests.faults import image_bytes as ib
from tests.faults.cost import cost_of

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">me</x:xmpmeta>'
FORMATS = [
    pytest.param('AVIF', marks=pytest.mark.skipif(not features.check('avif'), reason='Pillow without AVIF')),
    'JPEG2000',
]


def exif(orientation: int = 1) -> bytes:
    tags = Image.Exif()
    tags[0x010F], tags[0x0112] = 'Maker', orientation
    return tags.tobytes()


def encoded(file_format: str, pixels: np.ndarray, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, file_format, **options)
    return content.getvalue()


def photo(channels: int = 3) -> np.ndarray:
    picture = ib.picture(60, 80)
    alpha = np.full((60, 80, 1), 255, np.uint8)
    alpha[:9, :20] = 0
    return {1: picture[..., 0], 3: picture, 4: np.concatenate([picture, alpha], axis=2)}[channels]


def read(content: bytes) -> Photograph:
    return read_photograph(io.BytesIO(content))


@pytest.mark.parametrize('file_format', FORMATS)
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_they_are_read_and_written(file_format: str, channels: int) -> None:
    options = {'quality': 95, 'subsampling': '4:4:4'} if file_format == 'AVIF' and channels > 1 else {}
    before = read(encoded(file_format, photo(channels), **options))
    assert (before.format, before.pixels.shape) == (file_format, photo(channels).shape)
    assert np.abs(before.pixels.astype(int) - photo(channels)).mean() < 3
    assert before.encode() == (before.content, [COPIED])
    pixels = before.pixels.copy()
    pixels[20:30, 20:30] = 40
    content, remarks = before.with_pixels(pixels).encode()
    after = read(content)
    assert (after.format, remarks) == (file_format, [])
    most = 3 if file_format == 'AVIF' else 0
    assert np.abs(after.pixels.astype(int) - pixels).mean() <= most
    few = len(before.with_pixels(pixels).encode(quality=20)[0])
    assert few < len(content)


@pytest.mark.parametrize('file_format', FORMATS)
def test_metadata_pass_in_and_out(file_format: str) -> None:
    png = read(encoded('PNG', photo(), exif=exif(), icc_profile=SRGB))
    made = Photograph(png.pixels, metadata=png.metadata.__class__(icc_profile=SRGB, exif=exif(), xmp=XMP))
    once = read(made.encode(file_format)[0])
    pixels = once.pixels.copy()
    pixels[:5, :5] = 0
    twice = read(once.with_pixels(pixels).encode()[0])
    for found in (once, twice):
        assert found.metadata.icc_profile == SRGB
        assert found.metadata.xmp == XMP
        assert found.metadata.tags().entries[0x010F].data.startswith(b'Maker')
    bare = read(once.with_pixels(pixels).encode(keep_metadata=False)[0]).metadata
    assert (bare.icc_profile, bare.xmp, bare.exif) == (SRGB, None, None)


@pytest.mark.skipif(not features.check('avif'), reason='Pillow without AVIF')
@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_avif_is_turned_by_its_boxes(orientation: int) -> None:
    content = encoded('AVIF', photo(), exif=exif(orientation), quality=95)
    upright = read(encoded('JPEG', photo(), exif=exif(orientation), quality=98))
    found = read(content)
    assert found.pixels.shape == upright.pixels.shape
    assert np.abs(found.pixels.astype(int) - upright.pixels).mean() < 4
    assert b'Maker' in (found.metadata.exif or b'')


def test_gray_of_16_bit_in_jpeg_2000_stays() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30), np.uint16)
    content = io.BytesIO()
    Image.fromarray(deep).save(content, 'JPEG2000')
    before = read(content.getvalue())
    np.testing.assert_array_equal(before.pixels, deep)
    deep[3, 3] += 1
    np.testing.assert_array_equal(read(before.with_pixels(deep).encode()[0]).pixels, deep)


def test_a_bare_codestream_stays_one() -> None:
    before = read(encoded('JPEG2000', photo(), no_jp2=True))
    content = before.with_pixels(255 - before.pixels).encode()[0]
    assert content.startswith(b'\xffO\xffQ')
    np.testing.assert_array_equal(read(content).pixels, 255 - photo())


@pytest.mark.parametrize('file_format', FORMATS)
def test_they_may_not_state_too_much(file_format: str) -> None:
    content = encoded(file_format, photo())
    with pytest.raises(UnreadableImageError, match='80 x 60 pixels, more than the limit'):
        read_photograph(io.BytesIO(content), limits=Limits(pixels=1000))
    huge = bytearray(content)
    place = content.index(b'ispe') + 8 if file_format == 'AVIF' else content.index(b'\xffO\xffQ') + 8
    huge[place : place + 8] = struct.pack('>II', 60000, 60000)
    cost = cost_of(lambda: pytest.raises(UnreadableImageError, read, bytes(huge)))
    assert 'more than the limit' in str(cost.result.value)
    assert cost.mib < 30


def test_channels_of_a_jpeg_2000_count() -> None:
    content = bytearray(encoded('JPEG2000', photo()))
    place = content.index(b'\xffO\xffQ') + 40
    content[place : place + 2] = (16000).to_bytes(2, 'big')
    with pytest.raises(UnreadableImageError, match='take 293 MiB decoded, more than the limit of 100 MiB'):
        read_photograph(io.BytesIO(bytes(content)), limits=Limits(decoded_bytes=100 * 2**20))


@pytest.mark.parametrize('file_format', FORMATS)
def test_damaged_ones_are_refused(file_format: str) -> None:
    content, rng = encoded(file_format, photo(), exif=exif()), np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(content[: int(rng.integers(12, len(content)))])
        damaged[int(rng.integers(8, len(damaged)))] = int(rng.integers(256))
        with contextlib.suppress(UnreadableImageError):  # and no other error
            read(bytes(damaged))


@pytest.mark.skipif(not features.check('avif'), reason='Pillow without AVIF')
def test_exif_of_an_avif_costs_no_more_than_of_a_jpeg() -> None:
    """Pillow would read all of it while it opens the file: entries that all state the same bytes."""
    spoiled = hp.overlapping(3000, hp.RATIONAL)
    tags = b'Exif\0\0MM\0*\0\0\0\x08' + bytes(len(spoiled) - 14)
    content = encoded('AVIF', photo(), exif=tags)
    assert content.count(tags[6:]) == 1
    content = content.replace(tags[6:], spoiled[6:])
    cost = cost_of(lambda: read(content))
    assert 'EXIF data are damaged' in ' '.join(cost.result.remarks)
    assert (cost.mib < 60, cost.seconds < 1) == (True, True)


def heic() -> bytes:
    """An AVIF that calls itself a HEIC: its boxes are the same."""
    return encoded('AVIF', photo(), exif=exif(6)).replace(b'ftypavif', b'ftypheic').replace(b'avif', b'heic')


@pytest.mark.skipif(not features.check('avif'), reason='Pillow without AVIF')
def test_a_heic_needs_the_extra(monkeypatch: pytest.MonkeyPatch, command, work_folder: Path) -> None:
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    (work_folder / 'a.heic').write_bytes(heic())
    outcome = command('a.heic')
    assert outcome.status == 1
    assert 'Error: a.heic: a HEIC photograph: pip install "hcl-arch[heic]" to read it' in outcome.err


@pytest.mark.skipif(not features.check('avif'), reason='Pillow without AVIF')
def test_a_heic_is_read_upright_and_written_as_jpeg(
    monkeypatch: pytest.MonkeyPatch, command, work_folder: Path
) -> None:
    """With pillow-heif's calls in the place of pillow-heif."""
    opened = Image.fromarray(photo())
    opened.info.update({'icc_profile': SRGB, 'exif': exif(6), 'xmp': XMP})
    stub = SimpleNamespace(open_heif=lambda stream, convert_hdr_to_8bit: SimpleNamespace(to_pillow=lambda: opened))
    monkeypatch.setitem(sys.modules, 'pillow_heif', stub)
    (work_folder / 'a.heic').write_bytes(heic())
    assert command('a.heic', '--save', 'restored').status == 0
    found = read_photograph('restored/a.jpg')
    assert (found.format, found.size, found.orientation) == ('JPEG', (80, 60), 1)
    assert found.metadata.icc_profile == SRGB
    assert b'Maker' in (found.metadata.exif or b'')


@pytest.mark.parametrize(('suffix', 'file_format'), [('.jp2', 'JPEG2000'), ('.avif', 'AVIF')])
def test_the_command_reads_and_writes_them(suffix: str, file_format: str, command, make_photo) -> None:
    if file_format == 'AVIF' and not features.check('avif'):
        pytest.skip('Pillow without AVIF')
    make_photo('set/a' + suffix)
    assert command('set', '-o', 'out').status == 0
    assert read_photograph('out/a' + suffix).format == file_format
    make_photo('b.png')
    assert command('b.png', '-o', 'b' + suffix).status == 0
    assert command('b.png', '-o', 'other', '--format', suffix[1:]).status == 0
    assert read_photograph('other/b' + suffix).format == file_format
