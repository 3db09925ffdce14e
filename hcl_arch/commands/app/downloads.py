"""A visitor's downloads, at full size and depth, always as lossless PNG."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.app import display
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.photographs.photograph import Photograph

PNG, ZIP = 'image/png', 'application/zip'
PICTURES = ('restored', 'mask', 'confidence')
NOT_YET = 'There is no result yet. Press "Repair" first.'


def restored_png(photograph: Photograph, image: NDArray) -> bytes:
    """The restored photograph with the original's colour profile and other metadata."""
    return photograph.with_repaired(image).encode('PNG')[0]


def confidence_png(confidence: NDArray[np.float32]) -> bytes:
    """A confidence map (H, W) as gray: 0 = surely corrupted, 255 = surely not."""
    return display.png(np.rint(np.clip(confidence, 0, 1) * 255).astype(np.uint8))


def download(job: Job, what: str) -> tuple[str, str, bytes]:
    """Return file name, media type and content of 'restored', 'mask', 'confidence' or, with all of them, 'all'.

    Raises:
        PageError: nothing has been repaired yet, or there is no such download.
    """
    if job.restoration is None:
        raise PageError(NOT_YET)
    if what == 'all':
        return f'{job.stem}.zip', ZIP, _zip_all(job)
    if what == 'restored':
        content = restored_png(job.photograph, job.restoration.image)
    elif what == 'mask':
        content = display.png(job.restoration.mask)
    elif what == 'confidence':
        content = confidence_png(job.confidence)
    else:
        raise PageError('There is no such file.')
    return f'{job.stem}_{what}.png', PNG, content


def _zip_all(job: Job) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_STORED) as archive:
        for what in PICTURES:
            name, _, content = download(job, what)
            archive.writestr(name, content)
    return buffer.getvalue()
