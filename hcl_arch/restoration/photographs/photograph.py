"""A photograph: its pixels and the rest of its file's content, so it can be written back unchanged."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Union

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.colours import Colours, colours_of
from hcl_arch.restoration.photographs.photograph_decoding import Decoded, decode_photograph
from hcl_arch.restoration.photographs.photograph_encoding import (
    WRITTEN_FORMATS,
    as_straight,
    encode_photograph,
    luma,
    multiplied,
    restricted,
    unwritten_metadata,
)
from hcl_arch.restoration.photographs.photograph_kinds import SUFFIXES, UndecodableError
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_limits import Limits, default_limits
from hcl_arch.utils.regular_file import MAX_IMAGE_BYTES, read_regular_file, reason_of
from hcl_arch.utils.unreadable_image import UnreadableImageError

DEFAULT_QUALITY = 95
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
}
SUFFIX_OF_FORMAT = {'PNG': '.png', 'JPEG': '.jpg', 'WEBP': '.webp', 'TIFF': '.tiff', 'BMP': '.bmp'}

__all__ = ['DEFAULT_QUALITY', 'FORMAT_OF_SUFFIX', 'SUFFIXES', 'SUFFIX_OF_FORMAT', 'Photograph', 'read_photograph']


@dataclass(frozen=True)
class Photograph(Decoded):
    """A photograph, upright; its attributes are those of :class:`Decoded`."""

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
        return replace(self, pixels=pixels)

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
        return replace(self, pixels=pixels)

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
        """Return the format to write: the wanted one, else its own, else PNG if its own cannot be written.

        A GIF would be limited to 256 colours, and a BMP has no transparency: both become PNG.
        """
        if wanted is not None:
            return wanted
        has_alpha = self.pixels.ndim == 3 and self.pixels.shape[2] == 4
        if self.format not in WRITTEN_FORMATS or (self.format == 'BMP' and has_alpha):
            return 'PNG'
        return self.format

    def encode(
        self, wanted: str | None = None, *, quality: int | None = None, keep_metadata: bool = True
    ) -> tuple[bytes, list[str]]:
        """Encode the photograph as a file.

        Args:
            wanted: format to write, one of 'BMP', 'JPEG', 'PNG', 'TIFF', 'WEBP'; None: its own.
            quality: quality of JPEG and WebP, 1 to 100; None: 95, and a lossless WebP stays lossless.
            keep_metadata: False drops all metadata except the colour profile.

        Returns:
            The file's bytes, and remarks on what the format could not hold.

        Raises:
            ValueError: The format is unknown or does not allow that many pixels.
        """
        file_format = self.written_format(wanted)
        if file_format not in WRITTEN_FORMATS:
            raise InputError(f'Expected a format out of {WRITTEN_FORMATS}, got {file_format!r}.')
        fitting, remarks = self._fitted(file_format)
        pixels, more = restricted(fitting.pixels, file_format)
        metadata = fitting.metadata if keep_metadata else fitting.metadata.stripped()
        content = encode_photograph(
            pixels,
            file_format,
            metadata,
            quality=DEFAULT_QUALITY if quality is None else quality,
            lossless=self.is_lossless and quality is None,
            as_gray=self.is_gray,
            extra=fitting.extra,
            is_premultiplied=fitting.is_premultiplied,
        )
        return content, [*remarks, *more, *unwritten_metadata(metadata, file_format)]

    def _fitted(self, file_format: str) -> tuple[Photograph, list[str]]:
        """Return the photograph as a format can say it, and remarks: only TIFF has further channels, only PNG gamma."""
        remarks = []
        fitted = self
        if self.extra is not None and file_format != 'TIFF':
            remarks.append(f'written without its further channels, which {file_format} has no place for')
            fitted = replace(fitted, extra=None)
        lost = self._lost_colours(file_format)
        if lost:
            remarks.append(f'written as sRGB, since {file_format} has no place for its {lost}')
            plain = replace(self.metadata, icc_profile=None, colours={})
            fitted = replace(fitted, pixels=self.shown, is_premultiplied=False, metadata=plain)
        if fitted.is_premultiplied and file_format != 'TIFF':
            fitted = replace(fitted, pixels=as_straight(self.pixels), is_premultiplied=False)
        return fitted, remarks

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


def read_photograph(source: Union[str, os.PathLike[str], IO[bytes]], *, limits: Limits | None = None) -> Photograph:
    """Read a photograph: BMP, GIF, JPEG, PNG, TIFF or WebP, gray, colour or palette, with or without alpha.

    Its EXIF orientation is applied to the pixels. CMYK becomes sRGB, palette RGB, 1 bit gray. Only the first frame or
    page is read. 16 bits stay 16 bits.

    Args:
        source: path of a regular file (a pipe or a device is not opened), or a stream, which is read to its end.
        limits: what the file may state; None: as the environment says.

    Raises:
        UnreadableImageError: It cannot be read or decoded, or states more than is allowed; the message is
            'path: reason', and without the path for a stream.
    """
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ''
    try:
        decoded = decode_photograph(_read_bytes(source), limits or default_limits())
    except UndecodableError as error:
        raise UnreadableImageError(str(error), name) from error
    except OSError as error:
        raise UnreadableImageError(_words(error), name) from error
    return Photograph(**vars(decoded))


def _read_bytes(source: Union[str, os.PathLike[str], IO[bytes]]) -> bytes:
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
