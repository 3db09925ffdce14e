"""Metadata of a photograph file, and how they are carried over to the restored one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

from hcl_arch.restoration.photographs.colours import is_usable
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_blocks import (
    LAYOUT_TAGS,
    MOST_METADATA,
    RESOLUTION_ACROSS,
    RESOLUTION_DOWN,
    RESOLUTION_UNIT,
    Blocks,
)
from hcl_arch.utils.tiff_directory import EXIF_IFD, ORIENTATION, Directory, exif_block, read_directory

_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
# Further pictures, and how the file stores its own pixels.
_FILE_TAGS = LAYOUT_TAGS | frozenset((255, 263, 264, 265, 280, 281, 288, 289, 290, 291, 297, 301, 318, 319, 321))
_FURTHER_TAGS = frozenset((327, 328, 330, 333, 334, 336, 342, 517, 518, 700, 34675))
# Photoshop's layers show the photograph unrestored, and Photoshop shows them instead of the picture.
_LAYERS = 37724
_CENTIMETRES, _PER_INCH = 3, 2.54
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation\s*(?:=\s*["\']|>\s*))[1-8]')


@dataclass(frozen=True)
class PhotographMetadata:
    """The metadata kept from a file.

    Attributes:
        icc_profile: defines the colours; kept even if the rest is stripped, since colours would change without it.
        exif: as files other than TIFF have it, its orientation reset to upright; without the thumbnail, which shows the
            photograph unrestored.
        xmp: an XML packet, its orientation reset.
        dpi: pixels per inch, across and down.
        text: the text chunks of a PNG.
        colours: the chunks of a PNG on colours, kept like the profile.
        transparent: the gray level of 16 bits that a PNG shows as transparent.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[bytes, bytes] = field(default_factory=dict)
    transparent: int | None = None

    def stripped(self) -> PhotographMetadata:
        """Return what defines the picture: profile, colours and the transparent level."""
        return PhotographMetadata(icc_profile=self.icc_profile, colours=self.colours, transparent=self.transparent)

    def turned(self, orientation: int) -> PhotographMetadata:
        """Return them for pixels as a camera stores them with this orientation, of a file that states it.

        Raises:
            DirectoryError: The EXIF data are damaged.
        """
        if orientation == 1:
            return self
        tags, xmp = self.tags(), self.xmp and _XMP_ORIENTATION.sub(rb'\g<1>%d' % orientation, self.xmp)
        tags.put(ORIENTATION, [orientation], 3)
        if orientation >= 5:
            _swap_sides(tags)
        return replace(self, exif=exif_block(tags), xmp=xmp)

    def profile_for(self, mode: str) -> bytes | None:
        """Return the ICC profile if it fits pixels of this Pillow mode: a gray profile does not fit RGB."""
        space = b'GRAY' if mode in ('1', 'L', 'LA', 'I;16') else b'RGB '
        return self.icc_profile if self.icc_profile and self.icc_profile[16:20] == space else None

    def tags(self) -> Directory:
        """Return the EXIF data as a directory.

        Raises:
            DirectoryError: They are damaged.
        """
        return Directory() if self.exif is None else read_directory(self.exif.removeprefix(b'Exif\0\0'))


def read_metadata(blocks: Blocks, dpi: Any = None) -> tuple[PhotographMetadata, list[str]]:
    """Return the metadata of a file, and remarks on what is left out.

    Args:
        blocks: the parts of the file.
        dpi: what its decoder says; EXIF data count where it says nothing.
    """
    remarks = list(blocks.flaws)
    tags = blocks.tags or Directory()
    if _LAYERS in tags.entries:
        remarks.append('its layers are left out, since they show it unrestored')
    return (
        PhotographMetadata(
            icc_profile=_kept_profile(blocks.icc, remarks),
            exif=_kept_exif(tags, turned=blocks.orientation >= 5),
            xmp=_kept_xmp(blocks.xmp, remarks),
            dpi=_kept_dpi(dpi) or _stated_dpi(tags),
            text=blocks.text,
            colours=blocks.colours,
        ),
        remarks,
    )


def _kept_profile(profile: bytes | None, remarks: list[str]) -> bytes | None:
    if profile is None:
        return None
    if not 128 < len(profile) <= MOST_METADATA or not is_usable(profile):
        remarks.append('its colour profile is damaged and left out')
        return None
    return profile


def _kept_exif(tags: Directory, *, turned: bool) -> bytes | None:
    kept = tags.without(_FILE_TAGS | _FURTHER_TAGS | {_LAYERS})
    if ORIENTATION in kept.entries:
        kept.put(ORIENTATION, [1], 3)
    if turned:
        _swap_sides(kept)
    return exif_block(kept)


def _swap_sides(tags: Directory) -> None:
    """Exchange the width and the height that the details state."""
    details = tags.children.get(EXIF_IFD, Directory())
    if _PIXEL_WIDTH in details.entries and _PIXEL_HEIGHT in details.entries:
        swapped = {
            _PIXEL_WIDTH: details.entries[_PIXEL_HEIGHT],
            _PIXEL_HEIGHT: details.entries[_PIXEL_WIDTH],
        }
        tags.children[EXIF_IFD] = Directory(details.order, {**details.entries, **swapped}, details.children)


def _kept_xmp(packet: bytes | None, remarks: list[str]) -> bytes | None:
    if packet is None:
        return None
    packet = packet.rstrip(b'\0')
    if len(packet) > MOST_METADATA or not _is_xml(packet):
        remarks.append('its XMP is damaged and left out')
        return None
    return _XMP_ORIENTATION.sub(rb'\g<1>1', packet)


def _is_xml(packet: bytes) -> bool:
    """Whether it is well-formed XML in UTF-8, which PNG asks for, and defines no entities of its own."""

    def refuse(*_: Any) -> None:
        raise InputError('a document type')

    parser = expat.ParserCreate('UTF-8', namespace_separator=' ')
    parser.StartDoctypeDeclHandler = refuse
    try:
        packet.decode('utf-8')
        parser.Parse(packet, True)
    except (ValueError, expat.ExpatError):
        return False
    return b'\0' not in packet


def _kept_dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None  # NaN is in no range


def _stated_dpi(tags: Directory) -> tuple[float, float] | None:
    unit = tags.number(RESOLUTION_UNIT, 2)
    if unit not in (2, _CENTIMETRES):
        return None
    factor = _PER_INCH if unit == _CENTIMETRES else 1
    across, down = (tags.ratio(tag) for tag in (RESOLUTION_ACROSS, RESOLUTION_DOWN))
    return None if across is None or down is None else _kept_dpi((across * factor, down * factor))
