"""Limits on what visitors may upload and on what is kept for them."""

from __future__ import annotations

from dataclasses import dataclass

from hcl_arch.utils.image_limits import MIB
from hcl_arch.utils.image_limits import Limits as FileLimits


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
        decoded_bytes: of a photograph's pixels.
    """

    megapixels: float = 50.0
    file_bytes: int = 100 * MIB
    files: int = 30
    uploads_bytes: int = 1024 * MIB
    kept_bytes: int = 2048 * MIB
    kept_seconds: float = 3600.0
    decoded_bytes: int = 1024 * MIB

    @property
    def of_a_file(self) -> FileLimits:
        """What a file may state."""
        return FileLimits(
            round(self.megapixels * 1e6), self.decoded_bytes, '--max-megapixels of hcl-app', '--max-decoded of hcl-app'
        )
