"""Everything kept for visitors while the page runs."""

from __future__ import annotations

from pathlib import Path

from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.limits import MIB, Limits
from hcl_arch.commands.app.own_masks import MaskPicture
from hcl_arch.commands.app.shelf import Shelf
from hcl_arch.commands.app.tasks import Tasks
from hcl_arch.commands.app.uploads import Uploads

# Archives of "Several"; the oldest are dropped first.
ARCHIVES_BYTES = 4096 * MIB
MASKS_BYTES = 512 * MIB


class Kept:
    """Waiting uploads, open photographs, their masks, the work on them, and archives to download.

    Args:
        folder: folder for files, private to the page.
        limits: how much is kept.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.uploads = Uploads(folder, limits)
        self.jobs = Shelf[Job](capacity=limits.kept_bytes, lifetime=limits.kept_seconds)
        self.masks = Shelf[MaskPicture](capacity=MASKS_BYTES, lifetime=limits.kept_seconds)
        self.tasks = Tasks(limits.kept_seconds)
        self.archives = Shelf[Path](capacity=ARCHIVES_BYTES, lifetime=limits.kept_seconds, drop=_remove)

    def clear(self) -> None:
        """Stop all work, and remove all."""
        self.tasks.close()
        self.uploads.clear()
        self.jobs.clear()
        self.masks.clear()
        self.archives.clear()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
