"""Metadata of a photograph file, and how they are carried over to the restored one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

ORIENTATION = 0x0112
_PIXEL_WIDTH, _PIXEL_HEIGHT, _EXIF_IFD = 0xA002, 0xA003, 0x8769
_SUB_IFDS = (_EXIF_IFD, 0x8825, 0xA005)
# Tags of a TIFF's first directory, which Pillow returns as EXIF: the layout of *its* pixels, its ICC profile and XMP.
_STRUCTURE_TAGS = frozenset(
    {
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        263,
        264,
        265,
        266,
        273,
        277,
        278,
        279,
        280,
        281,
        284,
        288,
        289,
        290,
        291,
        292,
        293,
        297,
        301,
        317,
        318,
        319,
        320,
        321,
        322,
        323,
        324,
        325,
        326,
        327,
        328,
        330,
        332,
        333,
        334,
        336,
        338,
        339,
        340,
        341,
        342,
        347,
        512,
        513,
        514,
        515,
        517,
        518,
        519,
        520,
        521,
        529,
        530,
        531,
        532,
        700,
        34675,
    }
)
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation\s*(?:=\s*["\']|>\s*))[2-8]')
_PNG_XMP = 'XML:com.adobe.xmp'


@dataclass(frozen=True)
class PhotographMetadata:
    """The metadata kept from a file.

    Attributes:
        icc_profile: defines the colours; kept even if the rest is stripped, since colours would change without it.
        exif: as Pillow writes it, its orientation reset to upright; without the thumbnail, which shows the photograph
            unrestored.
        xmp: an XML packet, its orientation reset.
        dpi: pixels per inch, across and down.
        text: the text chunks of a PNG.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_sub_directories(self) -> bool:
        """Whether the EXIF data have sub-directories with details of the exposure or the place."""
        if self.exif is None:
            return False
        tags = Image.Exif()
        tags.load(self.exif)
        return any(tag in tags for tag in _SUB_IFDS)

    def stripped(self) -> PhotographMetadata:
        """Return the colour profile alone."""
        return PhotographMetadata(icc_profile=self.icc_profile)

    def profile_for(self, mode: str) -> bytes | None:
        """Return the ICC profile if it fits pixels of this Pillow mode: a gray profile does not fit RGB."""
        space = b'GRAY' if mode in ('1', 'L', 'LA', 'I;16') else b'RGB '
        return self.icc_profile if self.icc_profile and self.icc_profile[16:20] == space else None


def read_metadata(image: Image.Image) -> tuple[PhotographMetadata, int, list[str]]:
    """Read the metadata of an image whose pixels are loaded (a PNG can store metadata after the pixels).

    Returns:
        Metadata; the EXIF orientation, 1 (upright) to 8; and remarks on what could not be read.
    """
    remarks: list[str] = []
    orientation, exif = 1, None
    try:
        tags = image.getexif()
        orientation = _valid_orientation(tags.get(ORIENTATION, 1))
        exif = _kept_exif(tags, turned=orientation >= 5)
    except Exception as error:  # Pillow raises many kinds of errors on damaged EXIF data
        remarks.append(f'its EXIF data are damaged and left out ({type(error).__name__})')
    profile = image.info.get('icc_profile')
    return (
        PhotographMetadata(
            icc_profile=profile if isinstance(profile, bytes) and len(profile) > 128 else None,
            exif=exif,
            xmp=_kept_xmp(image),
            dpi=_kept_dpi(image.info.get('dpi')),
            text=_kept_text(image),
        ),
        orientation,
        remarks,
    )


def _valid_orientation(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _kept_exif(tags: Image.Exif, *, turned: bool) -> bytes | None:
    for tag in _STRUCTURE_TAGS & set(tags):
        del tags[tag]
    if ORIENTATION in tags:
        tags[ORIENTATION] = 1
    details = tags.get_ifd(_EXIF_IFD) if _EXIF_IFD in tags else {}
    if turned and _PIXEL_WIDTH in details and _PIXEL_HEIGHT in details:
        details[_PIXEL_WIDTH], details[_PIXEL_HEIGHT] = details[_PIXEL_HEIGHT], details[_PIXEL_WIDTH]
    return tags.tobytes() if len(tags) else None


def _kept_xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get('xmp') or image.info.get(_PNG_XMP)
    if isinstance(packet, str):
        packet = packet.encode('utf-8', 'surrogatepass')
    if not isinstance(packet, bytes):
        return None
    return _XMP_ORIENTATION.sub(rb'\g<1>1', packet.rstrip(b'\0'))


def _kept_dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None  # NaN is in no range


def _kept_text(image: Image.Image) -> dict[str, str]:
    if image.format != 'PNG':
        return {}
    text = getattr(image, 'text', {})
    return {key: str(value) for key, value in text.items() if key != _PNG_XMP and 1 <= len(key) <= 79}
