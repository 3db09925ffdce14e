"""What a JPEG says of itself before its pixels, read without decoding any of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

JPEG_START = b'\xff\xd8\xff'
_END_MARK = b'\xff\xd9'
_SCAN_MARK = b'\xff\xda'
# As in libjpeg: other bytes before a marker are passed over, and it may be padded with further FF. (`FF+` in front
# would take a time that grows with the square of the padding.)
_MARKER = re.compile(rb'\xff([^\xff\x00])', re.DOTALL)
_START_CODE, _END_CODE, _SCAN_CODE = 0xD8, 0xD9, 0xDA
_CODES_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
# C4, C8 and CC are tables; the others begin a frame, each of another coding.
_FRAME_CODES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LAST_HUFFMAN_CODE = 0xC7
# A Huffman code has a bit or more for each block of 8 x 8 pixels.
_PIXELS_A_BYTE = 8 * 8 * 8


@dataclass(frozen=True)
class JpegHeader:
    """Width and height in pixels, and between which bytes their code lies.

    Attributes:
        width, height: in pixels.
        start: where the first scan begins.
        end: where the image ends, -1 if it is cut short. In the pixels' code FF is followed by 00 or a restart marker
            only, so that the first end marker behind their start is the image's own. Thumbnails in the header are no
            concern, nor what follows the end: phones append films and other data.
        is_arithmetic: the code is arithmetic, which can take less than a bit for a block, and not Huffman's.
    """

    width: int
    height: int
    start: int
    end: int
    is_arithmetic: bool

    @property
    def is_whole(self) -> bool:
        """Say whether the end is there, and at least a bit for each block of 8 x 8 pixels before it.

        What lacks, decoders fill with gray: a file of a kilobyte would take the memory of all the pixels it states.
        """
        most_pixels = (self.end - self.start) * _PIXELS_A_BYTE
        return self.end >= 0 and (self.is_arithmetic or self.width * self.height <= most_pixels)

    def count_scans(self, content: bytes) -> int:
        """Return how many times the decoder goes over the image: once, or some ten times if it is progressive."""
        return content.count(_SCAN_MARK, self.start, self.end)


def read_jpeg_header(content: bytes) -> JpegHeader | None:
    """Return the header of a JPEG, None if it is damaged or cut short.

    Args:
        content: the file's bytes; they start with `JPEG_START`.
    """
    place = 2
    size: tuple[int, int] | None = None
    is_arithmetic = False
    while True:
        match = _MARKER.search(content, place)
        if match is None:
            return None
        code, place = match[1][0], match.end()
        if code in _CODES_WITHOUT_LENGTH:
            continue
        if code == _SCAN_CODE:
            start = place - len(_SCAN_MARK)
            return None if size is None else JpegHeader(*size, start, content.find(_END_MARK, start),
                                                           is_arithmetic)
        length = int.from_bytes(content[place:place + 2], 'big')
        if length < 2 or code in (_START_CODE, _END_CODE):
            return None
        if code in _FRAME_CODES:
            if size is not None or place + 7 > len(content):
                return None
            height, width = content[place + 3:place + 5], content[place + 5:place + 7]
            size = int.from_bytes(width, 'big'), int.from_bytes(height, 'big')
            is_arithmetic = code > _LAST_HUFFMAN_CODE
        place += length
