"""Several photographs: restored one after the other; a bad file is reported and the rest continues."""

from __future__ import annotations

import secrets
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from hcl_arch.commands.app import display, downloads
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.job import share_of
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.own_masks import OwnMask
from hcl_arch.commands.app.page_error import worded
from hcl_arch.commands.app.sent import read_files, read_grow, read_options, read_own_mask, read_threshold
from hcl_arch.commands.app.tasks import Cancelled, Result, Task
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import nothing_found, unusual_share


@dataclass
class Row:
    """The result for one file; `share` in [0, 1]."""

    name: str
    share: float | None = None
    seconds: float | None = None
    error: str = ''
    remark: str = ''
    found: bool = True
    before: str = ''
    after: str = ''


class Order(NamedTuple):
    """What a visitor wants done: name, token and error of each upload, a mask for all, a filler's name, settings."""

    files: list[tuple[str, str, str]]
    own: OwnMask | None
    filler: Any
    settings: dict[str, Any]


class Several:
    """The work on several photographs at a time.

    Args:
        fillers: restorers to choose from.
        kept: the visitors' uploads and results.
    """

    def __init__(self, fillers: FillerChoice, kept: Kept) -> None:
        self._fillers, self._kept = fillers, kept

    def order(self, sent: Mapping[str, Any]) -> Order:
        """Return what is wanted.

        Raises:
            PageError: something sent cannot be used.
        """
        options = read_options(sent)
        files = read_files(sent.get('files'), self._kept.limits.files)
        own = read_own_mask(sent.get('own'), self._kept.masks)
        threshold, grow = read_threshold(sent.get('threshold')), read_grow(sent.get('grow'))
        settings = {'threshold': threshold, 'grow': grow, 'composite': options.composite}
        settings.update(reverse=options.reverse, erase=options.erase)
        return Order(files, own, options.filler, settings)

    def run(self, order: Order, task: Task) -> Result:
        """Restore uploaded files; the task has a row of each as soon as it is done, the result an archive of all."""
        path = self._kept.folder / f'{secrets.token_hex(16)}.zip'
        token = ''
        try:
            is_stopped = self._restore_all(path, order, task)
            done = sum(not row['error'] for row in task.rows)
            token = self._kept.archives.add(path, weight=path.stat().st_size) if done else ''
        finally:
            if not token:
                path.unlink(missing_ok=True)
            for _, upload, _ in order.files:
                self._kept.uploads.discard(upload)
        unchanged = sum(not row['found'] for row in task.rows)
        nothing = f', {unchanged} with nothing found' if unchanged else ''
        start = 'Stopped' if is_stopped else 'Done'
        return {'archive': token, 'said': f'{start}: {done - unchanged} of {len(order.files)} repaired{nothing}.'}

    def _restore_all(self, path: Path, order: Order, task: Task) -> bool:
        """Restore files into an archive; return whether the visitor stopped that."""
        restorer = self._fillers.of(order.filler)
        with zipfile.ZipFile(path, 'x', zipfile.ZIP_STORED) as archive:
            for number, (name, upload, error) in enumerate(order.files, 1):
                row = Row(name, error=error)
                try:
                    task.tell(f'Repairing {number} of {len(order.files)}: {name} …')
                    if not error:
                        row = self._restored(name, upload, order, restorer, archive, task)
                except Cancelled:
                    return True
                task.rows.append(asdict(row))
        return False

    def _restored(
        self, name: str, upload: str, order: Order, restorer: Restorer, archive: zipfile.ZipFile, task: Task
    ) -> Row:
        """Restore one file into the archive; an error is recorded in the row."""
        start = time.monotonic()
        try:
            name, photograph = self._kept.uploads.open(upload)
            mask = None if order.own is None else order.own.mask_for(photograph)
            restoration = restorer.restore(photograph.shown, mask=mask, **order.settings, progress=task.progress)
            _write(name, photograph, restoration, archive)
        except Cancelled:
            raise
        except Exception as error:  # of any kind: the other files are restored all the same
            return Row(name, error=worded(error).removeprefix(f'{name}: '))
        return Row(
            name,
            share_of(restoration.mask),
            time.monotonic() - start,
            remark='; '.join((_remark(restoration, restorer.min_score, order.own), *photograph.remarks)),
            found=restoration.found,
            before=_thumbnail(photograph.shown),
            after=_thumbnail(restoration.image),
        )


def _write(name: str, photograph: Photograph, restoration: Restoration, archive: zipfile.ZipFile) -> None:
    suffix, content = downloads.restored_file(name, photograph, restoration.image)
    stem = _free_stem(PurePath(name).stem, archive)
    archive.writestr(f'{stem}_restored{suffix}', content)
    archive.writestr(f'{stem}_mask.png', display.png(restoration.mask))


def _remark(restoration: Restoration, min_score: float, own: OwnMask | None) -> str:
    if not restoration.found:
        score = nothing_found(restoration.score, min_score, restoration.mask.shape)
        return f'{"nothing is marked" if own else score}; left as it is'.capitalize()
    remark = unusual_share(share_of(restoration.mask))
    said = 'By your mask' if own else f'Score {restoration.score:.2f}'
    share = 100 * restoration.pixelated
    left = f'{share:.1f} % is pixelated, marked but left as it is' if share else ''
    return '; '.join(part for part in (said, remark, left) if part)


def _free_stem(stem: str, archive: zipfile.ZipFile) -> str:
    """Return a name that is not yet in the archive."""
    taken = set(archive.namelist())
    number, free = 1, stem
    while f'{free}_mask.png' in taken:
        number += 1
        free = f'{stem}_{number}'
    return free


def _thumbnail(image: Any) -> str:
    return display.data_url(display.jpeg(image, display.THUMBNAIL_SIDE), 'jpeg')
