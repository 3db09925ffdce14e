"""Decode the pixels of a TIFF, with all its channels and as they are stored."""

from __future__ import annotations

import io
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.photograph_kinds import UndecodableError
from hcl_arch.utils.image_blocks import Blocks, with_layout
from hcl_arch.utils.tiff_directory import Directory

EXTRA_SAMPLES = 338
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
FLOATS = 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, YCBCR = 0, 1, 2, 6
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STARTS, _SAMPLES, _STRIP_ROWS, _COUNTS, _PLANES = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_STARTS, _TILE_COUNTS, SAMPLE_FORMAT, _DEPTH = 322, 323, 324, 325, 339, 32997
# A TIFF whose first image is a reduced one or raw sensor data is a raw camera file.
_DNG_VERSION = 50706
_SENSOR_PHOTOMETRICS = (32803, 34892)
_JPEG, _DEFLATES = 7, (8, 32946)
# tifffile unpacks these without further libraries; OpenCV and Pillow the others.
_OF_TIFFFILE = (1, *_DEFLATES)
# The highest numbers for which white is 1, 255 or 65,535: light may be brighter than white.
_WHITES = ((16, 1.0), (255, 255.0), (65535, 65535.0))


class Form(NamedTuple):
    """The form of a TIFF's pixels.

    Attributes:
        bits: of a sample.
        photometric: the kind of colours.
        compression: number of the scheme.
        n_colours: samples of a pixel that are colours.
        extra: kinds of the samples behind them.
        is_plain: whole numbers in one layer.
        is_float: floating-point numbers.
    """

    bits: int
    photometric: int
    compression: int
    n_colours: int
    extra: tuple[int, ...]
    is_plain: bool
    is_float: bool = False

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bits, of which Pillow reads gray only."""
        return self.bits > 8

    @property
    def is_subsampled(self) -> bool:
        """Whether it has luma and chroma that no JPEG decoder converts, which only OpenCV reads."""
        return self.photometric == YCBCR and self.compression != _JPEG


def form_of(blocks: Blocks) -> Form:
    """Return the form of a TIFF.

    Raises:
        UndecodableError: It is a raw camera file, has another bit depth, or is 16-bit CMYK.
    """
    layout, tags = blocks.layout, blocks.tags or Directory()
    photometric, samples = layout.number(_PHOTOMETRIC, BLACK_IS_ZERO), layout.number(_SAMPLES, 1)
    if _DNG_VERSION in tags.entries or layout.number(_SUBFILE, 0) & 1 or photometric in _SENSOR_PHOTOMETRICS:
        raise UndecodableError('a raw camera file: develop it and save it as JPEG, PNG or TIFF first')
    colours = {RGB: 3, YCBCR: 3, 8: 3, 5: 4}.get(photometric, 1)
    stated = layout.numbers(EXTRA_SAMPLES)[: max(0, samples - colours)]
    if EXTRA_SAMPLES not in layout.entries and samples == colours + 1:
        stated = (UNASSOCIATED,)  # OpenCV writes none
    extra = (*stated, *(UNSPECIFIED,) * (samples - colours - len(stated)))
    kind, is_flat = layout.number(SAMPLE_FORMAT, 1), layout.number(_DEPTH, 1) == 1
    bits = max(layout.numbers(_BITS), default=1)
    form = Form(bits, photometric, layout.number(_COMPRESSION, 1), colours, extra, *_kinds(kind, is_flat))
    if form.is_deep:
        _check_deep(form, samples)
    return form


def _kinds(sample_format: int, is_flat: bool) -> tuple[bool, bool]:
    """Return `is_plain` and `is_float`."""
    return is_flat and sample_format == 1, is_flat and sample_format == FLOATS


def _check_deep(form: Form, samples: int) -> None:
    if form.is_float and form.bits in (16, 32, 64) and form.photometric in (BLACK_IS_ZERO, RGB):
        if form.extra not in ((), (UNASSOCIATED,)) or (form.extra and form.n_colours == 1):
            raise UndecodableError('a TIFF of floating-point numbers with further channels. Leave these out first')
        return
    if form.bits != 16 or not form.is_plain:
        raise UndecodableError(
            f'a TIFF of {samples} channels of {form.bits} bit, or of numbers with sign: expected whole numbers of 8 or '
            '16 bit, or floating-point ones. Convert it first'
        )
    if form.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise UndecodableError('a TIFF of 16 bit in other colours than gray or RGB. Convert it to RGB first')


def for_pillow(blocks: Blocks, form: Form) -> bytes:
    """Return the file such that Pillow decodes a further sample as it is stored, whatever it is."""
    if form.bits != 8 or not form.extra or form.photometric not in (BLACK_IS_ZERO, RGB):
        return blocks.content
    layout = Directory(blocks.layout.order, dict(blocks.layout.entries))
    layout.put(EXTRA_SAMPLES, [UNASSOCIATED, *[UNSPECIFIED] * (len(form.extra) - 1)], 3)
    return with_layout(blocks.content, layout)


def is_for_tifffile(form: Form) -> bool:
    """Whether all samples come from tifffile: 16 bits, or 8 with more than Pillow or OpenCV know."""
    known = form.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB) and form.compression in _OF_TIFFFILE
    if form.is_float:
        return known
    return known and form.is_plain and (form.bits == 16 or (form.bits == 8 and len(form.extra) > 0))


def decode_by_tifffile(blocks: Blocks, form: Form) -> NDArray[Any]:
    """Return all samples, (H, W) or (H, W, samples), uint8 or uint16; black is 0.

    Raises:
        UndecodableError: A strip expands to more than it stands for.
    """
    import tifffile  # imported here, because the import is slow and few photographs need it

    if form.compression in _DEFLATES:
        _check_expansion(blocks.content, blocks.layout, form)
    with tifffile.TiffFile(io.BytesIO(blocks.content)) as file:
        page: Any = file.pages[0]
        pixels = page.asarray(maxworkers=1)
    pixels = pixels.astype(pixels.dtype.newbyteorder('='), copy=False)
    samples = form.n_colours + len(form.extra)
    if samples > 1 and blocks.layout.number(_PLANES, 1) == 2:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(blocks.layout.number(_HEIGHT, 0), blocks.layout.number(_WIDTH, 0), samples)
    if form.photometric == WHITE_IS_ZERO:
        pixels = pixels.copy()
        pixels[..., :1] = np.iinfo(pixels.dtype).max - pixels[..., :1]
    return pixels[..., 0] if samples == 1 else pixels


def whole_numbers(floats: NDArray[Any]) -> tuple[NDArray[np.uint16], float]:
    """Return floating-point samples as whole numbers of 16 bit, and the number that is white.

    White is 1; where there are numbers far above it, 255 or 65,535. What is beyond is shown as white or black.

    Raises:
        UndecodableError: The numbers are higher than white can be, or none is finite.
    """
    finite = floats[np.isfinite(floats)]
    highest = float(finite.max(initial=0))
    white = next((white for most, white in _WHITES if highest <= most), None)
    if white is None or not finite.size:
        raise UndecodableError(f'a TIFF of numbers up to {highest:g}: expected 0 to 1, 255 or 65535. Convert it first')
    shown = np.rint(np.nan_to_num(floats.astype(np.float32)).clip(0, white) * np.float32(65535 / white))
    return shown.astype(np.uint16), white


def _check_expansion(content: bytes, layout: Directory, form: Form) -> None:
    """Check that deflated strips or tiles expand to no more than they stand for: tifffile unpacks all there is."""
    width, height = layout.number(_WIDTH, 0), layout.number(_HEIGHT, 0)
    tile = (layout.number(_TILE_WIDTH, 0), layout.number(_TILE_HEIGHT, 0))
    strip = (width, min(height, layout.number(_STRIP_ROWS, height)))
    starts, counts, (across, down) = (_TILE_STARTS, _TILE_COUNTS, tile) if all(tile) else (_STARTS, _COUNTS, strip)
    planes = layout.number(_PLANES, 1) == 2
    samples = 1 if planes else form.n_colours + len(form.extra)
    most = across * down * samples * form.bits // 8
    places = list(zip(layout.numbers(starts), layout.numbers(counts)))
    expected = -(-width // across) * -(-height // down) * (form.n_colours + len(form.extra) if planes else 1)
    if len(places) > expected:
        raise UndecodableError(f'it is damaged: {len(places):,} strips or tiles, expected {expected:,}')
    for start, count in places:
        try:
            unpacked = zlib.decompressobj().decompress(memoryview(content)[start : start + count], most + 1)
        except zlib.error as error:
            raise UndecodableError(f'it is damaged and cannot be decoded ({error})') from error
        if len(unpacked) > most:
            raise UndecodableError(f'it is damaged: a strip expands to more than the {most:,} bytes it stands for')
