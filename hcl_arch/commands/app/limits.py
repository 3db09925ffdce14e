"""Limits on what visitors may upload and on what is kept for them."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Limits on what is accepted and kept.

    Attributes:
        megapixels: of a photograph, read from its header before decoding.
        file_bytes: of an uploaded file.
        files: at once under "Several".
        uploads_bytes: of all uploaded files waiting to be restored; the oldest are dropped first.
        kept_bytes: of memory for all photographs open on pages; the least recently used are dropped first.
        kept_seconds: since a photograph was last used.
    """

    megapixels: float = 50.0
    file_bytes: int = 100 * MIB
    files: int = 30
    uploads_bytes: int = 1024 * MIB
    kept_bytes: int = 2048 * MIB
    kept_seconds: float = 3600.0
