"""The transform of photographs: reduce the short side, encode."""

from __future__ import annotations

from dataclasses import dataclass

from preparation.decoding import (
    FORMATS,
    ImageFormat,
    decode_bgr,
    encode_image,
    read_header,
    read_source,
    resize_short_side,
)
from preparation.items import EncodedImage, PrepItem


@dataclass(frozen=True)
class ResizeShortSide:
    """Reduces the short side of an image to `size` by area and encodes it; a smaller image keeps its size.

    A file that is already in the wanted format, 8-bit gray or RGB, upright and small enough is decoded as a check and
    then **copied byte for byte** (so a JPEG keeps its quality). All others become 8-bit BGR with three channels, with
    the EXIF orientation applied.

    Attributes:
        size: length of the short side in pixels, None to keep it.
        format: 'jpg' or 'png'.
        quality: of JPEG files, 1 to 100.
    """

    size: int | None = 256
    format: ImageFormat = 'jpg'
    quality: int = 95

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f'size expects a number of at least 1 or None, got {self.size}.')
        if self.format not in FORMATS:
            raise ValueError(f"format expects 'jpg' or 'png', got {self.format!r}.")
        if not 1 <= self.quality <= 100:
            raise ValueError(f'quality expects a number from 1 to 100, got {self.quality}.')

    def __call__(self, item: PrepItem) -> EncodedImage:
        """Return the item's image.

        Raises:
            UnreadableImageError: the file is not an image that OpenCV can decode.
        """
        content = read_source(item.source)
        image = decode_bgr(content, least_short_side=self.size)
        header = read_header(content)
        height, width = image.shape[:2]
        small_enough = self.size is None or min(height, width) <= self.size
        if (
            header is not None
            and header.file_format == self.format
            and header.channels
            and header.upright
            and small_enough
        ):
            return EncodedImage(content, f'.{self.format}', height, width, header.channels)
        return encode_image(resize_short_side(image, self.size), self.format, quality=self.quality)
