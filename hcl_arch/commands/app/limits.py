"""How much a visitor may bring."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused, and what is kept.

    Attributes:
        megapixels: of a photograph, told by its header before anything is decoded.
        file_bytes: of an uploaded file.
        files: in one go under "Several".
        uploads_bytes: of all uploaded files that wait to be restored; the oldest go first.
        kept_bytes: of memory for all photographs that are open on pages; those not used for longest go first.
        kept_seconds: since a photograph was last used.
    """

    megapixels: float = 50.0
    file_bytes: int = 100 * MIB
    files: int = 30
    uploads_bytes: int = 1024 * MIB
    kept_bytes: int = 2048 * MIB
    kept_seconds: float = 3600.0
