"""The tab "Several": many files, restored one after the other; a bad file is reported and the rest continues."""

from __future__ import annotations

import html
import logging
import secrets
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import gradio as gr

from hcl_arch.commands.app import display, downloads, fragments
from hcl_arch.commands.app.job import share_of
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.page_error import UNFORESEEN, PageError, plain_errors
from hcl_arch.commands.app.single_tab import MAX_GROW, MODEL_LINE, read_grow, read_threshold
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import nothing_found, unusual_share

_log = logging.getLogger(__name__)


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


class SeveralTab:
    """Builds the tab, within a `gr.Blocks`, and handles its events.

    Args:
        restorer: finds and repairs.
        kept: the visitors' uploads and results.
        threshold: where its slider starts.
    """

    def __init__(self, restorer: Restorer, kept: Kept, *, threshold: float) -> None:
        self._restorer, self._kept = restorer, kept
        with gr.Row():
            self.threshold = gr.Slider(
                0, 1, threshold, step=0.01, label='Threshold', info='Further right, more is marked.'
            )
            self.grow = gr.Slider(0, MAX_GROW, 0, step=1, label='Grow', info='Widens the mask by so many pixels.')
        self.composite = gr.Checkbox(
            True, label='Keep all pixels outside the mask', info='Nothing else of the photographs is changed.'
        )
        self.drop = fragments.drop_area(kept.limits, several=True, label='Drop photographs here, or choose them')
        self.status = fragments.status('hcl-status-several')
        self.results = fragments.plain('hcl-several')
        self.drop.brought(
            self.run,
            [self.threshold, self.grow, self.composite],
            {self.status, self.results},
            trigger_mode='once',
            concurrency_limit=1,
            concurrency_id=MODEL_LINE,
            api_visibility='private',
            show_progress='hidden',
        )

    @plain_errors
    def run(self, threshold: float, grow: float, composite: bool, event: gr.EventData) -> Any:
        """Restore all uploaded files; show each as soon as it is done, and an archive at the end."""
        files = _read_files(event._data.get('files'), self._kept.limits.files)
        options = {'threshold': read_threshold(threshold), 'grow': read_grow(grow), 'composite': composite is True}
        path = self._kept.folder / f'{secrets.token_hex(16)}.zip'
        rows: list[Row] = []
        link = ''
        try:
            with zipfile.ZipFile(path, 'x', zipfile.ZIP_STORED) as archive:
                for name, token, error in files:
                    yield {
                        self.status: f'Restoring {len(rows) + 1} of {len(files)}: {html.escape(name)} …',
                        self.results: results_html(rows),
                    }
                    rows.append(Row(name, error=error) if error else self._restore(name, token, options, archive))
            done, unchanged = sum(not row.error for row in rows), sum(not row.found for row in rows)
            link = self._keep(path) if done else ''
        finally:
            if not link:
                path.unlink(missing_ok=True)
        nothing = f', {unchanged} with nothing found' if unchanged else ''
        yield {
            self.status: f'Done: {done - unchanged} of {len(rows)} restored{nothing}.',
            self.results: link + results_html(rows),
        }

    def _keep(self, path: Path) -> str:
        token = self._kept.archives.add(path, weight=path.stat().st_size)
        return (
            f'<nav class="hcl-links" aria-label="Downloads"><a class="hcl-button" href="hcl/several/{token}" '
            'download>All (ZIP)</a></nav>'
        )

    def _restore(self, name: str, token: str, options: dict[str, Any], archive: zipfile.ZipFile) -> Row:
        """Restore one file into the archive; an error is recorded in the row."""
        start = time.monotonic()
        try:
            name, photograph = self._kept.uploads.open(token)
            restoration = self._restorer.restore(photograph.shown, **options)
            stem = _free_stem(PurePath(name).stem, archive)
            archive.writestr(f'{stem}_restored.png', downloads.restored_png(photograph, restoration.image))
            archive.writestr(f'{stem}_mask.png', display.png(restoration.mask))
        except PageError as error:
            return Row(name, error=str(error).removeprefix(f'{name}: '))
        except MemoryError:
            return Row(name, error='there is not enough memory for it')
        except Exception:
            _log.exception('the page failed to restore a file')
            return Row(name, error=UNFORESEEN)
        return Row(
            name,
            share_of(restoration.mask),
            time.monotonic() - start,
            remark='; '.join((_remark(restoration, self._restorer.min_score), *photograph.remarks)),
            found=restoration.found,
            before=_thumbnail(photograph.shown),
            after=_thumbnail(restoration.image),
        )


def results_html(rows: list[Row]) -> str:
    """Return a gallery and a table of the finished files."""
    if not rows:
        return ''
    pictures = ''.join(
        f'<figure><img src="{row.before}" alt="Before: {html.escape(row.name)}"><img src="{row.after}" '
        f'alt="After: {html.escape(row.name)}"><figcaption>{html.escape(row.name)}</figcaption></figure>'
        for row in rows
        if row.after
    )
    lines = ''.join(
        f'<tr{" class=hcl-bad" if row.error else ""}><td>{html.escape(row.name)}</td><td>{_percent(row.share)}</td>'
        f'<td>{_seconds(row.seconds)}</td><td>{html.escape(row.error or row.remark)}</td></tr>'
        for row in rows
    )
    return (
        f'<table class="hcl-table"><thead><tr><th scope="col">File</th><th scope="col">Marked</th>'
        f'<th scope="col">Seconds</th><th scope="col">Remark</th></tr></thead><tbody>{lines}</tbody></table>'
        f'<div class="hcl-gallery">{pictures}</div>'
    )


def _remark(restoration: Restoration, min_score: float) -> str:
    if not restoration.found:
        return f'{nothing_found(restoration.score, min_score, restoration.mask.shape)}; left as it is'.capitalize()
    remark = unusual_share(share_of(restoration.mask))
    return f'Score {restoration.score:.2f}' + (f'; {remark}' if remark else '')


def _read_files(data: Any, most: int) -> list[tuple[str, str, str]]:
    """Return name, token and error of each upload reported by the browser.

    Raises:
        PageError: it is not a list of uploads, or too long.
    """
    if not isinstance(data, list) or not data or not all(isinstance(entry, dict) for entry in data):
        raise PageError('No files have come. Choose them again.')
    if len(data) > most:
        raise PageError(f'At most {most} files can be taken at a time.')
    return [
        (str(entry.get('name', ''))[:100], str(entry.get('token', '')), str(entry.get('error', ''))[:300])
        for entry in data
    ]


def _free_stem(stem: str, archive: zipfile.ZipFile) -> str:
    """Return a name that is not yet in the archive."""
    taken = set(archive.namelist())
    number, free = 1, stem
    while f'{free}_restored.png' in taken:
        number += 1
        free = f'{stem}_{number}'
    return free


def _thumbnail(image: Any) -> str:
    return display.data_url(display.jpeg(image, display.THUMBNAIL_SIDE), 'jpeg')


def _percent(share: float | None) -> str:
    return '' if share is None else f'{100 * share:.1f} %'


def _seconds(seconds: float | None) -> str:
    return '' if seconds is None else f'{seconds:.1f}'
