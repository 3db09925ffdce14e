"""A visitor's downloads, at full size and depth: the photograph in its own format, or as a PNG; mask and confidence."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.app import display
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.photographs.photograph import FORMAT_OF_SUFFIX, SUFFIX_OF_FORMAT, Photograph

PNG, ZIP = 'image/png', 'application/zip'
_KINDS = {'JPEG': 'image/jpeg', 'TIFF': 'image/tiff', 'JPEG2000': 'image/jp2'}
_NAMES = {'JPEG2000': 'JPEG 2000', 'WEBP': 'WebP'}
NOT_YET = 'There is no result yet. Press "Repair" first.'


def own_format(photograph: Photograph) -> str:
    """Name of the format in which the repaired photograph is handed out, such as 'JPEG'."""
    written = photograph.written_format()
    return _NAMES.get(written, written)


def labels_of(job: Job) -> dict[str, str]:
    """The downloads of a repaired photograph and what their links say, in the photograph's own format first."""
    assert job.restoration is not None
    name = 'Repaired photograph' if job.restoration.found else 'Photograph, unchanged'
    own = own_format(job.photograph)
    return {
        'restored': f'{name} ({own})',
        **({} if own == 'PNG' else {'png': 'As PNG, without loss'}),
        'mask': 'Mask',
        'confidence': 'How sure (map)',
        'all': 'All (ZIP)',
    }


def restored_file(name: str, photograph: Photograph, image: NDArray) -> tuple[str, bytes]:
    """Return ending and content of the repaired photograph in its own format, with all that its file had."""
    written, suffix = photograph.written_format(), PurePath(name).suffix
    if FORMAT_OF_SUFFIX.get(suffix.lower()) != written:
        suffix = SUFFIX_OF_FORMAT[written]
    return suffix, photograph.with_repaired(image).encode()[0]


def confidence_png(confidence: NDArray[np.float32]) -> bytes:
    """A confidence map (H, W) as gray: 0 = surely corrupted, 255 = surely not."""
    return display.png(np.rint(np.clip(confidence, 0, 1) * 255).astype(np.uint8))


def download(job: Job, what: str) -> tuple[str, str, bytes]:
    """Return file name, media type and content of a download out of `labels_of`.

    Raises:
        PageError: nothing has been repaired yet, or there is no such download.
    """
    if job.restoration is None:
        raise PageError(NOT_YET)
    if what == 'all':
        return f'{job.stem}.zip', ZIP, _zip_all(job)
    if what == 'restored':
        suffix, content = restored_file(job.name, job.photograph, job.restoration.image)
        written = job.photograph.written_format()
        return f'{job.stem}_restored{suffix}', _KINDS.get(written, f'image/{written.lower()}'), content
    if what == 'png':
        content = job.photograph.with_repaired(job.restoration.image).encode('PNG')[0]
        return f'{job.stem}_restored.png', PNG, content
    if what == 'mask':
        content = display.png(job.restoration.mask)
    elif what == 'confidence':
        content = confidence_png(job.confidence)
    else:
        raise PageError('There is no such file.')
    return f'{job.stem}_{what}.png', PNG, content


def _zip_all(job: Job) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_STORED) as archive:
        for what in ('restored', 'mask', 'confidence'):
            name, _, content = download(job, what)
            archive.writestr(name, content)
    return buffer.getvalue()
