"""The network is shown sRGB; the file keeps its own numbers, and only repaired pixels change."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from hcl_arch.restoration.photographs.colours import CurveColours, ProfileColours, colours_of
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata
from hcl_arch.restoration.restorer import Restorer
from tests.faults import hostile_photographs as hp
from tests.faults import image_bytes as ib

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
# Primaries of Adobe RGB and Display P3 under D50, as their profiles state them.
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))


def anew(photograph: Photograph) -> Photograph:
    """The same without the file it came from, so that it is encoded and not kept."""
    return replace(photograph, content=b'')


def profile(primaries: tuple[tuple[float, ...], ...] | None, curve: bytes) -> bytes:
    """Return an ICC profile of a monitor, or of gray without primaries."""

    def numbers(values: tuple[float, ...]) -> bytes:
        return b'XYZ \0\0\0\0' + struct.pack('>3i', *(round(value * 65536) for value in values))

    tags = {b'wtpt': numbers((0.9642, 1.0, 0.8249)), b'desc': b'desc\0\0\0\0\0\0\0\2x\0'.ljust(92, b'\0')}
    if primaries is None:
        tags[b'kTRC'] = curve
    else:
        tags |= {name + b'TRC': curve for name in (b'r', b'g', b'b')}
        tags |= {name + b'XYZ': numbers(values) for name, values in zip((b'r', b'g', b'b'), primaries)}
    table, body, place = struct.pack('>I', len(tags)), b'', 132 + 12 * len(tags)
    for name, data in tags.items():
        data = data.ljust(-(-len(data) // 4) * 4, b'\0')
        table += name + struct.pack('>II', place + len(body), len(data))
        body += data
    space = b'GRAY' if primaries is None else b'RGB '
    head = struct.pack('>I4sI4s4s4s', 132 + len(table) - 4 + len(body), b'lcms', 0x02400000, b'mntr', space, b'XYZ ')
    head = head.ljust(36, b'\0') + b'acsp'
    head = head.ljust(68, b'\0') + struct.pack('>3i', 63190, 65536, 54061)
    return head.ljust(128, b'\0') + table + body


def gamma(value: float) -> bytes:
    return b'curv\0\0\0\0' + struct.pack('>IH', 1, round(value * 256))


def table_of(value: float) -> bytes:
    levels = np.rint(np.linspace(0, 1, 1024) ** value * 65535).astype('>u2')
    return b'curv\0\0\0\0' + struct.pack('>I', 1024) + levels.tobytes()


SRGB_PARAMETERS = b'para\0\0\0\0\0\3\0\0' + struct.pack(
    '>5i', *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
PROFILES = {
    'adobe': profile(ADOBE, gamma(2.2)),
    'adobe_by_table': profile(ADOBE, table_of(2.2)),
    'p3': profile(P3, SRGB_PARAMETERS),
    'linear': profile(P3, gamma(1)),
}
GRAY = profile(None, gamma(1.8))


def random_pixels(count: int, channels: int = 3, dtype: str = 'uint8') -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (count, channels), dtype, endpoint=True)


@pytest.mark.parametrize('name', PROFILES)
def test_profiles_are_converted_as_little_cms_does(name: str) -> None:
    colours, oracle = colours_of(PROFILES[name], {}, is_gray=False), ProfileColours(PROFILES[name], 'RGB')
    assert isinstance(colours, CurveColours)
    pixels = random_pixels(4000)
    assert np.abs(colours.shown(pixels).astype(int) - oracle.shown(pixels)).max() <= 2
    # Back: of colours that both have.
    inner = 60 + random_pixels(4000) // 2
    difference = np.abs(colours.stored(inner).astype(int) - oracle.stored(inner))
    assert difference.max() <= 2
    deep = inner.astype(np.uint16) * 257
    assert np.abs(colours.shown(colours.stored(deep)).astype(int) - deep).max() <= 40  # of 65535


def test_gray_profile_is_converted_as_little_cms_does() -> None:
    colours, oracle = colours_of(GRAY, {}, is_gray=True), ProfileColours(GRAY, 'L')
    assert isinstance(colours, CurveColours)
    levels = np.arange(20, 256, dtype=np.uint8)[:, None]  # it is coarse in what is darker
    assert np.abs(colours.shown(levels).astype(int) - oracle.shown(levels)).max() <= 1
    assert np.abs(colours.stored(levels).astype(int) - oracle.stored(levels)).max() <= 1


def test_srgb_is_left_alone() -> None:
    assert colours_of(SRGB, {}, is_gray=False) is None
    assert colours_of(None, {}, is_gray=False) is None
    usual = {b'gAMA': struct.pack('>I', 45455)}
    assert colours_of(None, usual, is_gray=False) is None
    srgb_primaries = struct.pack('>8I', 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    assert colours_of(None, {**usual, b'cHRM': srgb_primaries}, is_gray=False) is None
    assert colours_of(None, {b'sRGB': b'\0', b'gAMA': struct.pack('>I', 100_000)}, is_gray=False) is None


@pytest.mark.parametrize('damage', [b'', b'\0' * 128, SRGB[:140], PROFILES['p3'][:300], b'x' * 500])
def test_damaged_profiles_are_no_profiles(damage: bytes) -> None:
    assert colours_of(damage, {}, is_gray=False) is None


@pytest.mark.parametrize('stated', [(0,) * 8, (31270, 32900) * 4, (2**31,) * 8, (31270, 0, 1, 1, 2, 2, 3, 3)])
def test_impossible_primaries_are_passed_over(stated: tuple[int, ...]) -> None:
    chunks = {b'gAMA': struct.pack('>I', 100_000), b'cHRM': struct.pack('>8I', *stated)}
    colours = colours_of(None, chunks, is_gray=False)
    assert colours is not None
    assert colours.shown(np.array([[0, 128, 255]], np.uint8)).tolist() == [[0, 188, 255]]


def picture_of(kind: str) -> bytes:
    pixels = random_pixels(60).reshape(6, 10, 3)
    stream = io.BytesIO()
    if kind == 'gama.png':
        Image.fromarray(pixels).save(stream, 'PNG')
        return hp.png_with((b'gAMA', struct.pack('>I', 100_000)), content=stream.getvalue())
    if kind == 'gama_gray16.png':
        content = cv2.imencode('.png', random_pixels(60, 1, 'uint16').reshape(6, 10))[1].tobytes()
        return hp.png_with((b'gAMA', struct.pack('>I', 100_000)), content=content)
    if kind == 'profile16.tif':
        deep = random_pixels(60, 4, 'uint16').reshape(6, 10, 4)
        options = {'photometric': 'rgb', 'extrasamples': ['unassalpha'], 'iccprofile': PROFILES['adobe']}
        tifffile.imwrite(stream, deep, metadata=None, **options)
        return stream.getvalue()
    if kind == 'associated16.tif':
        deep = random_pixels(60, 4, 'uint16').reshape(6, 10, 4)
        deep[..., :3] = deep[..., :3] * (deep[..., 3:] / 65535)
        options = {'photometric': 'rgb', 'extrasamples': ['assocalpha'], 'iccprofile': PROFILES['linear']}
        tifffile.imwrite(stream, deep, metadata=None, **options)
        return stream.getvalue()
    Image.fromarray(pixels).save(stream, 'PNG', icc_profile=PROFILES['p3'])
    return stream.getvalue()


@pytest.mark.parametrize('kind', ['gama.png', 'gama_gray16.png', 'profile16.tif', 'associated16.tif', 'profile.png'])
def test_only_repaired_pixels_change(kind: str) -> None:
    photograph = read_photograph(io.BytesIO(picture_of(kind)))
    shown = photograph.shown.copy()
    assert (shown != photograph.pixels).mean() > 0.3
    again = read_photograph(io.BytesIO(anew(photograph.with_repaired(shown)).encode()[0]))
    np.testing.assert_array_equal(again.pixels, photograph.pixels)
    np.testing.assert_array_equal(again.shown, photograph.shown)
    most = np.iinfo(shown.dtype).max
    shown[2:4, 3:5, ...] = most // 2
    if shown.ndim == 3 and shown.shape[2] == 4:
        shown[..., 3] = photograph.pixels[..., 3]
    repaired = read_photograph(io.BytesIO(anew(photograph.with_repaired(shown)).encode()[0]))
    hole = np.zeros(shown.shape[:2], bool)
    hole[2:4, 3:5] = True
    np.testing.assert_array_equal(repaired.pixels[~hole], photograph.pixels[~hole])
    difference = np.abs(repaired.shown[hole].astype(float) - shown[hole]) / most
    assert difference.max() < 0.02  # 8 bits of a wider space, or divided by a small alpha


def test_linear_light_is_converted_by_hand() -> None:
    photograph = read_photograph(io.BytesIO(hp.png_with((b'gAMA', struct.pack('>I', 100_000)))))
    linear = photograph.pixels.astype(float) / 255
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photograph.shown, 255 * expected, atol=0.51)
    content, remarks = anew(photograph).encode()
    assert b'gAMA' + struct.pack('>I', 100_000) in content
    assert remarks == []
    jpeg, remarks = photograph.encode('WEBP')
    assert remarks == ['written as sRGB, since WEBP has no place for its gamma']
    np.testing.assert_array_equal(read_photograph(io.BytesIO(jpeg)).pixels, photograph.shown)


def test_library_shows_the_network_srgb(tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    class Spy(Restorer):
        def __init__(self) -> None:
            self.threshold, self.min_score, self.feather = 0.5, 0.0, 0
            self._painter = self

        def check_restores(self) -> None:
            pass

        def _detect(self, source, progress):  # type: ignore[no-untyped-def]
            seen.append(source.pixels)
            return np.ones(source.pixels.shape[:2], np.float32)

    (tmp_path / 'x.png').write_bytes(hp.png_with((b'gAMA', struct.pack('>I', 100_000))))
    photograph = read_photograph(tmp_path / 'x.png')
    restoration = Spy().restore(tmp_path / 'x.png')
    np.testing.assert_array_equal(seen[0], photograph.shown)
    np.testing.assert_array_equal(restoration.image, photograph.pixels)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
@pytest.mark.parametrize('channels', [2, 4])
def test_associated_alpha_keeps_numbers_and_tag(dtype: str, channels: int) -> None:
    """Written as unassociated with the same numbers, half-transparent pixels darkened."""
    most = np.iinfo(dtype).max
    pixels = np.full((6, 5, channels), most // 2 + 1, dtype)
    pixels[..., :-1] = 30_000 if dtype == 'uint16' else 100
    stream = io.BytesIO()
    options = {'photometric': 'rgb' if channels == 4 else 'minisblack', 'planarconfig': 'contig'}
    tifffile.imwrite(stream, pixels, extrasamples=['assocalpha'], metadata=None, **options)
    photograph = read_photograph(io.BytesIO(stream.getvalue()))
    straight = {'uint16': 59_999, 'uint8': 199}[dtype]
    assert abs(int(photograph.shown[0, 0, 0]) - straight) <= 1
    content = anew(photograph).encode()[0]
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        np.testing.assert_array_equal(file.pages[0].asarray(), pixels)
        assert [int(kind) for kind in file.pages[0].extrasamples] == [1]
    if channels == 4:
        read = [cv2.imdecode(np.frombuffer(data, np.uint8), -1) for data in (content, stream.getvalue())]
        np.testing.assert_array_equal(*read)
        with Image.open(io.BytesIO(content)) as new, Image.open(stream) as old:
            np.testing.assert_array_equal(np.array(new), np.array(old))
    png = read_photograph(io.BytesIO(photograph.encode('PNG')[0]))
    assert abs(int(png.pixels[0, 0, 0]) - straight) <= 1


@pytest.mark.parametrize('compression', [1, 8])
@pytest.mark.parametrize(('samples', 'kinds'), [(4, (0,)), (2, (0,)), (5, (0, 0)), (5, (2, 0)), (5, (0, 2))])
@pytest.mark.parametrize('bits', [8, 16])
def test_unspecified_channels_are_kept_and_not_interpreted(
    bits: int, samples: int, kinds: tuple[int, ...], compression: int
) -> None:
    pixels = random_pixels(30, samples, f'uint{bits}').reshape(6, 5, samples)
    data = zlib.compress(pixels.tobytes()) if compression == 8 else pixels.tobytes()
    more = {338: (3, len(kinds), struct.pack(f'<{len(kinds)}H', *kinds))}
    content = hp.tiff(data, 5, 6, samples=samples, bits=bits, compression=compression, more=more)
    photograph = read_photograph(io.BytesIO(content))
    colours, has_alpha = samples - len(kinds), 2 in kinds
    assert photograph.pixels.shape == ((6, 5, 4) if has_alpha else (6, 5, 3) if colours == 3 else (6, 5))
    with tifffile.TiffFile(io.BytesIO(anew(photograph).encode()[0])) as file:
        written, stated = file.pages[0].asarray(), [int(kind) for kind in file.pages[0].extrasamples]
    order = [*range(colours), *(colours + place for place in sorted(range(len(kinds)), key=lambda i: kinds[i] != 2))]
    np.testing.assert_array_equal(written, pixels[..., order])
    assert stated == sorted(kinds, reverse=True)
    assert 'written without its further channels' in photograph.encode('PNG')[1][0]


def test_unspecified_channel_of_lzw_is_kept() -> None:
    pixels = random_pixels(30, 4).reshape(6, 5, 4)
    content = cv2.imencode('.tif', pixels[..., [2, 1, 0, 3]], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes()
    assert read_photograph(io.BytesIO(content)).pixels.shape == (6, 5, 4)  # it states no kind: alpha, as OpenCV means
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        strip = content[file.pages[0].dataoffsets[0] :][: file.pages[0].databytecounts[0]]
        predictor = (3, 1, struct.pack('<H', file.pages[0].predictor))
    content = hp.tiff(strip, 5, 6, samples=4, compression=5, more={338: (3, 1, struct.pack('<H', 0)), 317: predictor})
    photograph = read_photograph(io.BytesIO(content))
    assert photograph.extra is not None
    np.testing.assert_array_equal(np.concatenate([photograph.pixels, photograph.extra], axis=2), pixels)


def test_transparent_level_of_16_bit_gray_is_kept() -> None:
    gray = np.array([[1000, 2000, 1000], [3, 999, 1001]], np.uint16)
    content = hp.png_with((b'tRNS', struct.pack('>H', 1000)), content=cv2.imencode('.png', gray)[1].tobytes())
    photograph = read_photograph(io.BytesIO(content))
    assert photograph.pixels[..., 3].tolist() == [[0, 65535, 0], [65535, 65535, 65535]]
    with Image.open(io.BytesIO(anew(photograph).encode()[0])) as file:
        assert (file.mode, file.info['transparency']) == ('I;16', 1000)
        np.testing.assert_array_equal(np.array(file), gray)
    repaired = photograph.pixels.copy()
    repaired[0, 1, :3] = 1000  # a repaired pixel must not become transparent
    again = read_photograph(io.BytesIO(anew(photograph.with_repaired(repaired)).encode()[0]))
    assert again.pixels[0, 1].tolist() == [999, 999, 999, 65535]
    assert read_photograph(io.BytesIO(photograph.encode('TIFF')[0])).pixels[0, 0].tolist() == [1000, 1000, 1000, 0]


def test_profile_that_readers_of_a_png_refuse() -> None:
    long = PROFILES['adobe'].ljust(2**20 + 1, b'\0')
    long = struct.pack('>I', len(long)) + long[4:]
    photograph = Photograph(random_pixels(60).reshape(6, 10, 3), metadata=PhotographMetadata(icc_profile=long))
    content, remarks = photograph.encode('PNG')
    assert remarks == ['written as sRGB, since PNG has no place for its profile of 1,048,577 bytes']
    with Image.open(io.BytesIO(content)) as file:
        np.testing.assert_array_equal(np.array(file), photograph.shown)
    assert read_photograph(io.BytesIO(photograph.encode('TIFF')[0])).metadata.icc_profile == long


@pytest.mark.parametrize(('shape', 'dtype', 'wanted'), [((6, 5), 'uint8', 'WEBP'), ((6, 5, 4), 'uint16', 'PNG')])
def test_gray_that_is_written_as_colour_becomes_srgb(shape: tuple[int, ...], dtype: str, wanted: str) -> None:
    pixels = np.full(shape, 100 if dtype == 'uint8' else 25_700, dtype)
    photograph = Photograph(pixels, is_gray=True, metadata=PhotographMetadata(icc_profile=GRAY))
    content, remarks = photograph.encode(wanted)
    assert remarks[0] == f'written as sRGB, since {wanted} has no place for its profile of gray'
    again = read_photograph(io.BytesIO(content))
    assert again.metadata.icc_profile is None
    np.testing.assert_array_equal(again.pixels[..., 0], photograph.shown.reshape(6, 5, -1)[..., 0])


def test_profile_of_other_colours_is_left_out_with_a_remark() -> None:
    stream = io.BytesIO()
    Image.new('L', (5, 4)).save(stream, 'JPEG', icc_profile=SRGB)
    photograph = read_photograph(io.BytesIO(stream.getvalue()))
    assert photograph.metadata.icc_profile is None
    assert photograph.remarks == ('its colour profile is left out, since it is for other colours than it has',)


def test_gray_with_alpha_as_jpeg() -> None:
    photograph = Photograph(np.full((4, 4, 4), 200, np.uint8), is_gray=True)
    assert read_photograph(io.BytesIO(photograph.encode('JPEG')[0])).pixels.shape == (4, 4)


def test_colour_chunks_are_kept() -> None:
    primaries = struct.pack('>8I', 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    chunks = [(b'gAMA', struct.pack('>I', 45455)), (b'cHRM', primaries)]
    for content in (ib.encoded('PNG'), ib.whole_images()['deep.png']):
        written = read_photograph(io.BytesIO(hp.png_with(*chunks, content=content))).encode(keep_metadata=False)[0]
        for name, data in chunks:
            assert ib.png_chunk(name, data) in written
