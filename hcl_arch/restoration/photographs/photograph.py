"""A photograph: its pixels and the rest of its file's content, so it can be written back unchanged."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Union

from numpy.typing import NDArray

from hcl_arch.restoration.photographs.photograph_decoding import decode_photograph
from hcl_arch.restoration.photographs.photograph_encoding import (
    WRITTEN_FORMATS,
    encode_photograph,
    restricted,
    unwritten_metadata,
)
from hcl_arch.restoration.photographs.photograph_kinds import SUFFIXES, UndecodableError
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.regular_file import MAX_IMAGE_BYTES, read_regular_file, reason_of
from hcl_arch.utils.unreadable_image import UnreadableImageError

DEFAULT_QUALITY = 95
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
class Photograph:
    """A photograph, upright.

    Attributes:
        pixels: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
        format: Pillow's name of the file's format: 'BMP', 'GIF', 'JPEG', 'PNG', 'TIFF' or 'WEBP'.
        is_gray: the file has one colour channel; also with alpha, where `pixels` have four channels.
        is_lossless: the file keeps its pixels exactly.
        metadata: the file's other content.
        remarks: remarks for the user on how it was read.
    """

    pixels: NDArray[Any]
    format: str = 'PNG'
    is_gray: bool = False
    is_lossless: bool = True
    metadata: PhotographMetadata = field(default_factory=PhotographMetadata)
    remarks: tuple[str, ...] = ()

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
            raise ValueError(
                f'Expected pixels of shape {self.pixels.shape} and type {self.pixels.dtype}, got '
                f'{pixels.shape} and {pixels.dtype}.'
            )
        return replace(self, pixels=pixels)

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
            raise ValueError(f'Expected a format out of {WRITTEN_FORMATS}, got {file_format!r}.')
        pixels, remarks = restricted(self.pixels, file_format)
        metadata = self.metadata if keep_metadata else self.metadata.stripped()
        content = encode_photograph(
            pixels,
            file_format,
            metadata,
            quality=DEFAULT_QUALITY if quality is None else quality,
            lossless=self.is_lossless and quality is None,
            as_gray=self.is_gray,
        )
        return content, [*remarks, *unwritten_metadata(metadata, file_format)]

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


def read_photograph(source: Union[str, os.PathLike[str], IO[bytes]]) -> Photograph:
    """Read a photograph: BMP, GIF, JPEG, PNG, TIFF or WebP, gray, colour or palette, with or without alpha.

    Its EXIF orientation is applied to the pixels. CMYK becomes sRGB, palette RGB, 1 bit gray. Only the first frame or
    page is read. 16 bits stay 16 bits.

    Args:
        source: path of a regular file (a pipe or a device is not opened), or a stream, which is read to its end.

    Raises:
        UnreadableImageError: It cannot be read or decoded, or states more pixels than `MAX_PIXELS`; the message is
            'path: reason', and without the path for a stream.
    """
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ''
    try:
        decoded = decode_photograph(_read_bytes(source))
    except UndecodableError as error:
        raise UnreadableImageError(str(error), name) from error
    except OSError as error:
        raise UnreadableImageError(_words(error), name) from error
    return Photograph(*decoded)


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
