"""Read the coefficients of a JPEG."""

from __future__ import annotations

from typing import Optional

from hcl_arch.restoration.photographs.jpeg.frame import (
    DQT,
    SOS,
    Frame,
    Segment,
    UnpatchableError,
    is_frame,
    read_frame,
    segments,
    take_tables,
)
from hcl_arch.restoration.photographs.jpeg.scan_decoding import decode_scan

# Photographs have some ten scans at most.
_MOST_SCANS = 64


def read_coefficients(content: bytes) -> Frame:
    """Return the frame of a JPEG with its coefficients.

    Raises:
        UnpatchableError: It is damaged, or of a kind that is not read here.
    """
    frame: Optional[Frame] = None
    before, scans = list[Segment](), 0
    for segment in segments(content):
        if is_frame(segment.marker):
            if frame is not None:
                raise UnpatchableError('it has several frames')
            frame = read_frame(segment)
            for earlier in before:
                take_tables(frame, earlier)
        elif frame is None:
            before.append(segment)
        elif segment.marker == SOS:
            scans += 1
            decode_scan(frame, segment)
        else:
            take_tables(frame, segment)
        if scans > _MOST_SCANS or (scans and segment.marker == DQT):
            raise UnpatchableError('its scans are of a rare kind')
    if frame is None or not scans or any(part.table not in frame.quantisation for part in frame.components):
        raise UnpatchableError('it has no scans or no tables')
    return frame
