"""What a photograph costs is bounded by what its file states, before it is decoded; and no tag crashes the writer."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Callable

import pytest
from PIL import ImageCms

from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.utils.image_decoding import DamagedImageError, decode_image
from hcl_arch.utils.image_limits import Limits
from hcl_arch.utils.unreadable_image import UnreadableImageError
from tests.faults import hostile_photographs as hp
from tests.faults import image_bytes as ib
from tests.faults.cost import cost_of

# Above what the same file takes without its fault.
MOST_SECONDS, MOST_MIB = 0.5, 100
JPEG = ib.encoded('JPEG')
DAMAGED = 'EXIF data are damaged and left out'


def read(content: bytes) -> Photograph:
    return read_photograph(io.BytesIO(content))


@pytest.fixture(autouse=True, scope='module')
def _warm() -> None:
    """Load what is imported on first use, so that it is not measured."""
    for name in ('plain.jpg', 'deep.tif', 'deep.png', 'plain.webp'):
        read(ib.whole_images()[name]).encode()


BOMBS = {
    'rational_200': (200, hp.RATIONAL),
    'rational_1500': (1500, hp.RATIONAL),
    'undefined_1500': (1500, hp.UNDEFINED),
    'undefined_10000': (10_000, hp.UNDEFINED),
    'text_3000': (3000, 2),
}
CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    'jpeg': hp.jpeg_with_exif,
    'jpeg_behind_junk': lambda exif: hp.jpeg_with_exif(exif).replace(b'\xff\xe1', b'junk\xff\xff\xe1', 1),
    'png': lambda exif: hp.png_with((b'eXIf', exif)),
    'png_raw_profile': lambda exif: hp.png_with(
        (b'zTXt', b'Raw profile type exif\0\0' + zlib.compress(b'\nexif\n 9\n' + exif.hex().encode()))
    ),
    'webp': lambda exif: hp.webp_with((b'EXIF', exif)),
}


@pytest.mark.parametrize('container', CONTAINERS)
@pytest.mark.parametrize('bomb', BOMBS)
def test_overlapping_exif_costs_nothing(bomb: str, container: str) -> None:
    """190 KB took 43 s and 10,000 entries 2.5 GiB: each entry was copied and converted as often as it was stated."""
    content = CONTAINERS[container](hp.overlapping(*BOMBS[bomb]))
    cost = cost_of(lambda: read(content))
    assert cost.result.size == (40, 48)  # upright: the orientation is read all the same
    assert any(DAMAGED in remark for remark in cost.result.remarks)
    assert cost.result.metadata.exif is None or len(cost.result.metadata.exif) < 100
    assert cost.seconds < MOST_SECONDS
    assert cost.mib < MOST_MIB
    data_set = cost_of(lambda: decode_image(content))
    assert data_set.result.shape == (48, 40, 3)
    assert data_set.seconds < MOST_SECONDS
    assert data_set.mib < MOST_MIB


@pytest.mark.parametrize('count', [200, 1500, 4000])
@pytest.mark.parametrize('kind', [hp.RATIONAL, hp.UNDEFINED])
def test_overlapping_tags_of_a_tiff_cost_nothing(count: int, kind: int) -> None:
    tags = {40_000 + number: (kind, 190_000 // hp.SIZES[kind], struct.pack('<I', 8)) for number in range(count)}
    content = hp.tiff(bytes(200_000), 500, 400, more=tags)
    for call in (lambda: read(content), lambda: decode_image(content)):
        cost = cost_of(call)
        assert not isinstance(cost.result, Exception)
        assert cost.seconds < MOST_SECONDS
        assert cost.mib < MOST_MIB
    assert any(DAMAGED in remark for remark in read(content).remarks)


def test_directories_that_lead_to_one_large_one_cost_nothing() -> None:
    many = b''.join(struct.pack('<HHII', 0x8769, hp.LONG, 1, 8) for _ in range(4000))
    exif = b'II*\0\x08\0\0\0' + struct.pack('<H', 4000) + many + bytes(4)
    cost = cost_of(lambda: read(hp.jpeg_with_exif(exif)))
    assert cost.result.remarks == ('some of its EXIF data are damaged and left out',)
    assert cost.seconds < MOST_SECONDS


def test_overlapping_frames_of_a_jpeg_cost_nothing() -> None:
    """Pillow reads this block too while it opens a file: to see whether there is more than one picture."""
    block = b'MPF\0' + hp.overlapping(4000, hp.RATIONAL, 64_000)
    content = ib.encoded('JPEG')
    content = content[:2] + b'\xff\xe2' + struct.pack('>H', len(block) + 2) + block + content[2:]
    cost = cost_of(lambda: read(content))
    assert cost.result.size == (48, 40)
    assert cost.seconds < MOST_SECONDS
    assert cost.mib < MOST_MIB


MANY_BLOCKS = {
    'segments.jpg': JPEG[:20] + b'\xff\xe1\0\2' * 2_000_000 + JPEG[20:],
    'chunks.png': hp.png_with(*[(b'tEXt', b'a\0')] * 300_000),
    'chunks.webp': hp.webp_with(*[(b'JUNK', b'')] * 100_000),
}


@pytest.mark.parametrize('name', MANY_BLOCKS)
def test_millions_of_blocks_are_not_walked_through(name: str) -> None:
    for call in (read, decode_image):
        cost = cost_of(lambda call=call: call(MANY_BLOCKS[name]))
        assert isinstance(cost.result, Exception) or name == 'chunks.webp'  # its pixels come first
        assert cost.seconds < 2
        assert cost.mib < MOST_MIB


def test_overlapping_tags_of_a_profile_cost_nothing() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes().ljust(2**22, b'\0'))
    profile[:4] = struct.pack('>I', len(profile))
    profile[128:132] = struct.pack('>I', 90)
    for number in range(90):
        profile[132 + 12 * number : 144 + 12 * number] = struct.pack('>4sII', b'rTRC', 2000, 2**22 - 2000)
    content = hp.png_with((b'iCCP', b'x\0\0' + zlib.compress(bytes(profile))))
    cost = cost_of(lambda: read(content).shown)
    assert cost.result.shape == (40, 48, 3)
    assert cost.seconds < MOST_SECONDS
    assert cost.mib < MOST_MIB


@pytest.mark.parametrize(('samples', 'bits'), [(1, 16), (3, 16), (4, 16), (4, 8), (2, 8)])
def test_deflated_strip_expands_to_what_it_stands_for(samples: int, bits: int) -> None:
    """A 64 x 64 picture took 4.8 GiB: its strip of 2 MB was expanded to its end."""
    content = hp.tiff(hp.bomb_strip(2**29), 64, 64, samples=samples, bits=bits, compression=8)
    for call in (lambda: read(content), lambda: decode_image(content)):
        cost = cost_of(call)
        assert cost.seconds < MOST_SECONDS
        assert cost.mib < MOST_MIB
    with pytest.raises(UnreadableImageError, match='a strip expands to more than the'):
        read(content)


def shared_strips(count: int, compression: int, bits: int = 16) -> bytes:
    """A TIFF of 16384 pixels a side whose strips are all the same bytes."""
    rows = 16_384 // count
    strip = zlib.compress(bytes(16_384 * rows * bits // 8))
    more = {
        273: (hp.LONG, count, struct.pack('<I', 8) * count),
        278: (hp.LONG, 1, struct.pack('<I', rows)),
        279: (hp.LONG, count, struct.pack('<I', len(strip)) * count),
    }
    return hp.tiff(strip, 16_384, 16_384, bits=bits, compression=compression, more=more)


TOO_MUCH = {
    'rgba16.tif': (hp.tiff(bytes(8), 16_384, 16_384, samples=4, bits=16), '2,048 MiB decoded, more than the limit'),
    'many_samples.tif': (hp.tiff(bytes(8), 4000, 4000, samples=100), '1,526 MiB decoded, more than the limit'),
    'rgb16.png': (ib.png(16_384, 16_384, depth=16, rows=bytes(99)), '1,536 MiB decoded, more than the limit'),
    'screen.gif': (b'GIF89a' + struct.pack('<HH', 16_383, 16_383) + bytes(30), 'its 40 bytes cannot hold'),
    'rgb8.png': (ib.png(16_384, 16_384, rows=bytes(99)), 'bytes cannot hold'),
    'plain.bmp': (ib.bmp(16_000, 16_000), 'bytes cannot hold'),
    'lossless.webp': (ib.webp(b'VP8L', b'/' + struct.pack('<I', 16_382 | 16_382 << 14) + bytes(20)), 'cannot hold'),
    'deflated.tif': (hp.tiff(zlib.compress(bytes(99)), 16_000, 16_000, compression=8), 'bytes cannot hold'),
    'lzw.tif': (hp.tiff(bytes(999), 16_000, 16_000, compression=5), 'bytes cannot hold'),
    'shared_strips.tif': (shared_strips(256, 8), 'bytes cannot hold|strips or tiles of'),
    'shared_strips_of_lzw.tif': (shared_strips(4096, 5), 'bytes cannot hold|strips or tiles of'),
}


@pytest.mark.parametrize('name', TOO_MUCH)
def test_stated_too_much_is_refused_undecoded(name: str) -> None:
    content, words = TOO_MUCH[name]
    cost = cost_of(lambda: read(content))
    with pytest.raises(UnreadableImageError, match=words):
        raise cost.result
    assert cost.seconds < MOST_SECONDS
    assert cost.mib < 20
    if not name.endswith('gif'):
        with pytest.raises(DamagedImageError, match=words):
            decode_image(content)


def test_limits_are_options_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    content = ib.encoded('PNG')  # of 48 x 40 pixels
    with pytest.raises(UnreadableImageError, match=r'48 x 40 pixels, more than the limit of 1,919 .* \(--mine\)'):
        read_photograph(io.BytesIO(content), limits=Limits(1919, pixels_option='--mine'))
    with pytest.raises(UnreadableImageError, match=r'take 0 MiB decoded, more than the limit of 0 MiB \(--bytes\)'):
        read_photograph(io.BytesIO(content), limits=Limits(decoded_bytes=48 * 40 * 3 - 1, bytes_option='--bytes'))
    monkeypatch.setenv('HCL_MAX_MEGAPIXELS', '0.001')
    for call in (read, decode_image):
        with pytest.raises((UnreadableImageError, DamagedImageError), match=r'1,000 pixels in all \(HCL_MAX_MEGAP'):
            call(content)
    monkeypatch.setenv('HCL_MAX_MEGAPIXELS', 'many')
    with pytest.raises(ValueError, match="HCL_MAX_MEGAPIXELS in the environment: expected a number above 0, got 'many"):
        read(content)


RATIONALS = {34850: (hp.RATIONAL, 2, struct.pack('<4I', 1, 3, 1, 3)), 40_001: (12, 2, struct.pack('<2d', 1, 2))}
WRITE = """
import io, sys
from hcl_arch.restoration.photographs.photograph import read_photograph
for name in sys.argv[1:]:
    photograph = read_photograph(name)
    for wanted in ('TIFF', 'PNG', 'JPEG', 'WEBP'):
        again = read_photograph(io.BytesIO(photograph.encode(wanted)[0]))
        assert again.metadata.tags().entries[34850].data == photograph.metadata.tags().entries[34850].data, wanted
print('done')
"""


def test_private_fractions_are_written_without_a_crash(tmp_path: Path) -> None:
    """In libtiff such a tag of two values or more ended the process; here in one of its own, which may end."""
    files = {
        'of.tif': hp.tiff(bytes(32 * 32), 32, 32, more=RATIONALS),
        'of_big.tif': hp.tiff(bytes(32 * 32), 32, 32, more=RATIONALS, big=True),
        'of_16_bit.tif': hp.tiff(bytes(32 * 32 * 2), 32, 32, bits=16, more=RATIONALS),
        'of.jpg': hp.jpeg_with_exif(hp.directory(RATIONALS)),
        'of.png': hp.png_with((b'eXIf', hp.directory(RATIONALS))),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    names = [str(tmp_path / name) for name in files]
    done = subprocess.run([sys.executable, '-c', WRITE, *names], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, 'done'), done.stderr
