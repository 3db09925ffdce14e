"""A photograph: its pixels and the rest of its file's content, so it can be written back unchanged."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Union

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.colours import Colours, colours_of
from hcl_arch.restoration.photographs.jpeg.frame import UnpatchableError
from hcl_arch.restoration.photographs.jpeg.patching import patch
from hcl_arch.restoration.photographs.photograph_decoding import Decoded, decode_photograph
from hcl_arch.restoration.photographs.photograph_encoding import (
    WRITTEN_FORMATS,
    as_straight,
    encode_photograph,
    jpeg_header,
    luma,
    multiplied,
    restricted,
    unwritten_metadata,
)
from hcl_arch.restoration.photographs.photograph_kinds import SUFFIXES, UndecodableError
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_blocks import split
from hcl_arch.utils.image_decoding import as_stored
from hcl_arch.utils.image_limits import Limits, default_limits
from hcl_arch.utils.iso_boxes import CODESTREAM_START
from hcl_arch.utils.regular_file import MAX_IMAGE_BYTES, read_regular_file, reason_of
from hcl_arch.utils.tiff_directory import DirectoryError
from hcl_arch.utils.unreadable_image import UnreadableImageError

DEFAULT_QUALITY = 95
_WITHOUT_QUALITY = ('PNG', 'TIFF', 'BMP')
# A larger JPEG is written anew: its coefficients would take gigabytes.
_MOST_PATCHED = 10**8
_ANEW = 'all its blocks are written anew, with its own tables'
COPIED = 'copied byte for byte'
# Pillow opens no PNG with a longer one.
_LONGEST_PROFILE_OF_PNG = 2**20
FORMAT_OF_SUFFIX = {
    '.png': 'PNG',
    '.jpg': 'JPEG',
    '.jpeg': 'JPEG',
    '.jpe': 'JPEG',
    '.jfif': 'JPEG',
    '.webp': 'WEBP',
    '.tif': 'TIFF',
    '.tiff': 'TIFF',
    '.bmp': 'BMP',
    '.avif': 'AVIF',
    **dict.fromkeys(('.jp2', '.jpf', '.jpx', '.j2k', '.j2c', '.jpc'), 'JPEG2000'),
}
SUFFIX_OF_FORMAT = {
    'PNG': '.png',
    'JPEG': '.jpg',
    'WEBP': '.webp',
    'TIFF': '.tiff',
    'BMP': '.bmp',
    'AVIF': '.avif',
    'JPEG2000': '.jp2',
}
# What is read and not written. A GIF would be limited to 256 colours.
_WRITTEN_AS = {'GIF': 'PNG', 'HEIF': 'JPEG'}

__all__ = ['DEFAULT_QUALITY', 'FORMAT_OF_SUFFIX', 'SUFFIXES', 'SUFFIX_OF_FORMAT', 'Photograph', 'read_photograph']


@dataclass(frozen=True)
class Photograph(Decoded):
    """A photograph, upright; its attributes are those of :class:`Decoded`, and another.

    Attributes:
        repaired: (H, W) where the pixels are others than those of the file; None: nowhere.
    """

    repaired: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def with_pixels(self, pixels: NDArray[Any]) -> Photograph:
        """Return the same photograph with other pixels, of the same shape and type.

        Raises:
            ValueError: The pixels have another shape or type.
        """
        if pixels.shape != self.pixels.shape or pixels.dtype != self.pixels.dtype:
            raise InputError(
                f'Expected pixels of shape {self.pixels.shape} and type {self.pixels.dtype}, got '
                f'{pixels.shape} and {pixels.dtype}.'
            )
        differs = pixels != self.pixels
        differs = differs.any(axis=2) if pixels.ndim == 3 else differs
        if not differs.any():
            return self
        return replace(self, pixels=pixels, repaired=differs if self.repaired is None else differs | self.repaired)

    @cached_property
    def shown(self) -> NDArray[Any]:
        """The pixels for a network and for eyes: sRGB, not multiplied by alpha; of the shape and type of `pixels`."""
        pixels = as_straight(self.pixels) if self.is_premultiplied else self.pixels
        if self._colours is None:
            return pixels
        channels = pixels.reshape(-1, 1) if pixels.ndim == 2 else pixels.reshape(-1, pixels.shape[2])
        n_colours = 1 if self.is_gray else 3
        shown = np.array(channels)
        shown[:, :3] = self._colours.shown(np.ascontiguousarray(channels[:, :n_colours]))
        return shown.reshape(pixels.shape)

    @cached_property
    def _colours(self) -> Colours | None:
        return colours_of(self.metadata.icc_profile, self.metadata.colours, is_gray=self.is_gray)

    def with_repaired(self, shown: NDArray[Any]) -> Photograph:
        """Return the photograph with repaired pixels; those equal to `shown` keep the file's own numbers exactly.

        Args:
            shown: as the property, with some pixels repaired.

        Raises:
            ValueError: The pixels have another shape or type.
        """
        if self.shown is self.pixels:
            return self.with_pixels(shown)
        self.with_pixels(shown)  # raises for another shape
        repaired = shown != self.shown
        repaired = repaired.any(axis=2) if shown.ndim == 3 else repaired
        pixels = self.pixels.copy()
        if repaired.any():
            pixels[repaired] = self._stored(shown[repaired])
        return self.with_pixels(pixels)

    def _stored(self, shown: NDArray[Any]) -> NDArray[Any]:
        """What the file has for shown pixels, (N,) or (N, channels)."""
        stored = np.array(shown.reshape(len(shown), -1))
        if self._colours is not None:
            colours = luma(stored)[:, None] if self.is_gray else stored[:, :3]
            stored[:, :3] = self._colours.stored(np.ascontiguousarray(colours))
        if self.is_premultiplied:
            stored = multiplied(stored)
        return stored.reshape(shown.shape)

    def written_format(self, wanted: str | None = None) -> str:
        """Return the format to write: the wanted one, its own if it can be written, else PNG, or JPEG of a HEIC."""
        if wanted is not None:
            return wanted
        own = _WRITTEN_AS.get(self.format, self.format)
        has_alpha = self.pixels.ndim == 3 and self.pixels.shape[2] == 4
        return 'PNG' if own in ('BMP', 'JPEG') and has_alpha else own

    def encode(
        self,
        wanted: str | None = None,
        *,
        quality: int | None = None,
        keep_metadata: bool = True,
        animation: Mapping[str, Any] | None = None,
        base: int = 0,
    ) -> tuple[bytes, list[str]]:
        """Encode the photograph as a file.

        Args:
            wanted: format to write, one of 'AVIF', 'BMP', 'JPEG', 'JPEG2000', 'PNG', 'TIFF', 'WEBP'; None: its own.
            quality: of formats that lose some, 1 to 100. None: a file of the same format is kept as it came. If no
                pixel has changed it is copied; of a JPEG, only the blocks of changed pixels change, and it keeps its
                orientation; a lossless WebP stays lossless. Otherwise 95, and JPEG 2000 without loss.
            keep_metadata: False drops all metadata except the colour profile.
            animation: Pillow's options for an animation of which this is the first frame.
            base: place of a TIFF in the file that it becomes a page of.

        Returns:
            The file's bytes, and remarks on what the format could not hold.

        Raises:
            ValueError: The format is unknown or does not allow that many pixels.
        """
        file_format = self.written_format(wanted)
        if file_format not in WRITTEN_FORMATS:
            raise InputError(f'Expected a format out of {WRITTEN_FORMATS}, got {file_format!r}.')
        has_quality = quality is not None and file_format not in _WITHOUT_QUALITY
        is_kept = not has_quality and file_format == self.format and bool(self.content)
        kept = self._kept(keep_metadata) if is_kept else None
        if kept is not None:
            return kept
        fitting, remarks = self._fitted(file_format)
        pixels, more = restricted(fitting.pixels, file_format)
        metadata = fitting.metadata if keep_metadata else fitting.metadata.stripped()
        content = encode_photograph(
            pixels,
            file_format,
            metadata,
            quality=DEFAULT_QUALITY if quality is None else quality,
            lossless=(self.is_lossless or file_format == 'JPEG2000') and quality is None,
            as_gray=self.is_gray,
            extra=fitting.extra,
            is_premultiplied=fitting.is_premultiplied,
            floats=fitting._repaired_floats(),
            is_codestream=self.content.startswith(CODESTREAM_START),
            animation=animation or {},
            base=base,
            like=split(self.content).content if is_kept and file_format == 'JPEG' and not self.is_converted else b'',
        )
        anew = [_ANEW] if is_kept and file_format == 'JPEG' and not self.is_converted else []
        return content, [*remarks, *more, *anew, *unwritten_metadata(metadata, file_format)]

    def _kept(self, keep_metadata: bool) -> tuple[bytes, list[str]] | None:
        """Return the file with only the repaired blocks changed, and remarks; None if that cannot be done."""
        if self.repaired is None and keep_metadata:
            return self.content, [COPIED]
        # Without EXIF there is no place for another orientation than upright.
        has_no_place = self.orientation > 1 and not keep_metadata
        is_large = self.size[0] * self.size[1] > _MOST_PATCHED
        if self.format != 'JPEG' or self.is_converted or has_no_place or is_large:
            return None
        repaired = np.zeros(self.pixels.shape[:2], bool) if self.repaired is None else self.repaired
        pixels, changed = (as_stored(part, self.orientation) for part in (self.pixels, repaired))
        try:
            metadata = self.metadata.turned(self.orientation) if keep_metadata else self.metadata.stripped()
            content = patch(split(self.content).content, pixels, changed, jpeg_header(metadata, is_gray=self.is_gray))
        except (UnpatchableError, DirectoryError):
            return None
        return content, unwritten_metadata(metadata, 'JPEG')

    def _fitted(self, file_format: str) -> tuple[Photograph, list[str]]:
        """Return the photograph as a format can say it, and remarks: only TIFF has further channels, only PNG gamma."""
        remarks = []
        fitted = self
        if self.extra is not None and file_format != 'TIFF':
            remarks.append(f'written without its further channels, which {file_format} has no place for')
            fitted = replace(fitted, extra=None)
        if self.floats is not None and file_format != 'TIFF':
            remarks.append(f'written as whole numbers, since {file_format} has no floating-point ones here')
        lost = self._lost_colours(file_format)
        if lost:
            remarks.append(f'written as sRGB, since {file_format} has no place for its {lost}')
            plain = replace(self.metadata, icc_profile=None, colours={})
            fitted = replace(fitted, pixels=self.shown, is_premultiplied=False, metadata=plain)
        if fitted.is_premultiplied and file_format != 'TIFF':
            fitted = replace(fitted, pixels=as_straight(self.pixels), is_premultiplied=False)
        return fitted, remarks

    def _repaired_floats(self) -> NDArray[Any] | None:
        """The floating-point numbers of the file, those of repaired pixels from the whole numbers."""
        if self.floats is None or self.repaired is None:
            return self.floats
        floats = self.floats.copy()
        repaired = self.pixels[self.repaired].astype(np.float64) * (self.white / 65535)
        floats[self.repaired] = repaired.reshape(len(repaired), -1)
        return floats

    def _lost_colours(self, file_format: str) -> str:
        """Say which definition of the colours a format has no place for; '' if there is none."""
        profile = self.metadata.icc_profile
        if profile is None:
            return 'gamma' if self._colours is not None and file_format != 'PNG' else ''
        if file_format == 'PNG' and len(profile) > _LONGEST_PROFILE_OF_PNG:
            return f'profile of {len(profile):,} bytes'
        # OpenCV writes gray of 16 bits with alpha as colour.
        has_no_gray = self.pixels.ndim == 3 and self.pixels.dtype == np.uint16 and self.metadata.transparent is None
        is_coloured = file_format == 'WEBP' or (file_format == 'PNG' and has_no_gray)
        return 'profile of gray' if self.is_gray and is_coloured and self._colours is not None else ''

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        quality: int | None = None,
        keep_metadata: bool = True,
    ) -> list[str]:
        """Write the photograph to a file, completely or not at all; an existing file is replaced.

        Args:
            path: path of the file; without `format`, its extension decides the format, if it can be written.
            format: as `wanted` of `encode`.
            quality: as in `encode`.
            keep_metadata: as in `encode`.

        Returns:
            Remarks on what the format could not hold.

        Raises:
            OSError: It cannot be written.
            ValueError: As `encode`.
        """
        path = Path(path)
        wanted = format or FORMAT_OF_SUFFIX.get(path.suffix.lower())
        content, remarks = self.encode(wanted, quality=quality, keep_metadata=keep_metadata)
        with atomic_file(path, durable=False) as file:
            file.write(content)
        return remarks


def unwritten_format(suffix: str) -> str:
    """Return the format to write of a file with such an extension, which is of a format that is only read."""
    return 'JPEG' if suffix.lower() in ('.heic', '.heif', '.hif') else 'PNG'


def read_photograph(source: Union[str, os.PathLike[str], IO[bytes]], *, limits: Limits | None = None) -> Photograph:
    """Read a photograph: AVIF, BMP, GIF, HEIC, JPEG, JPEG 2000, PNG, TIFF or WebP, with or without colour and alpha.

    Its EXIF orientation is applied to the pixels. CMYK becomes sRGB, palette RGB, 1 bit gray. Only the first frame or
    page is read. 16 bits stay 16 bits.

    Args:
        source: path of a regular file (a pipe or a device is not opened), or a stream, which is read to its end.
        limits: what the file may state; None: as the environment says.

    Raises:
        UnreadableImageError: It cannot be read or decoded, or states more than is allowed; the message is
            'path: reason', and without the path for a stream.
    """
    with reading(source):
        return Photograph(**vars(decode_photograph(read_bytes(source), limits or default_limits())))


@contextmanager
def reading(source: Union[str, os.PathLike[str], IO[bytes]]) -> Iterator[None]:
    """Name the file in the errors that come up."""
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ''
    try:
        yield
    except UndecodableError as error:
        raise UnreadableImageError(str(error), name) from error
    except OSError as error:
        raise UnreadableImageError(_words(error), name) from error


def read_bytes(source: Union[str, os.PathLike[str], IO[bytes]]) -> bytes:
    """Return the bytes of a regular file, or of a stream up to its end.

    Raises:
        OSError: They cannot be read, or are too many.
    """
    if isinstance(source, (str, os.PathLike)):
        return read_regular_file(source)
    content = source.read(MAX_IMAGE_BYTES + 1)
    if len(content) > MAX_IMAGE_BYTES:
        raise OSError(errno.EFBIG, f'expected at most {MAX_IMAGE_BYTES:,} bytes')
    return content


def _words(error: OSError) -> str:
    words = {
        errno.ENOENT: 'no such file (or a link that leads nowhere)',
        errno.ELOOP: 'a link that leads to itself',
        errno.EACCES: 'may not be read: allow reading it',
        errno.EPERM: 'may not be read: allow reading it',
        errno.EISDIR: 'a folder, expected a file',
        errno.ENAMETOOLONG: 'its name is too long',
    }
    return words.get(error.errno or 0) or reason_of(error)
