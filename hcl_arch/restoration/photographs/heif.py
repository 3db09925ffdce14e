"""HEIC photographs, by pillow-heif where it is installed."""

from __future__ import annotations

from typing import IO

from PIL import Image

from hcl_arch.restoration.photographs.photograph_kinds import UndecodableError


def check_heif() -> None:
    """Raise UndecodableError if pillow-heif is not installed."""
    try:
        import pillow_heif  # noqa: F401
    except ImportError as error:
        raise UndecodableError('a HEIC photograph: pip install "hcl-arch[heic]" to read it') from error


def open_heif(stream: IO[bytes]) -> Image.Image:
    """Open a HEIC; its pixels are turned upright."""
    import pillow_heif

    picture: Image.Image = pillow_heif.open_heif(stream, convert_hdr_to_8bit=True).to_pillow()
    return picture
