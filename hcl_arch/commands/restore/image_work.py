"""The steps of one image: read it, restore it, write its pictures."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcl_arch.commands.restore.console import Progress, shown
from hcl_arch.commands.restore.errors import ImageError
from hcl_arch.commands.restore.library_noise import silenced_libraries
from hcl_arch.commands.restore.models import ImageRestorer
from hcl_arch.commands.restore.options import STANDARD_STREAM, Options, PictureKind
from hcl_arch.commands.restore.outputs import Job, existing_output
from hcl_arch.commands.restore.pictures import confidence_picture, overlay_picture, side_by_side
from hcl_arch.commands.restore.user_masks import read_mask
from hcl_arch.restoration.photographs.pages import encode_pages, read_pages
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.restoration.photographs.photograph_encoding import as_seen
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.user_mask import erased_pixels
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.mask_options import OWN_ALPHA
from hcl_arch.utils.regular_file import reason_of
from hcl_arch.utils.unreadable_image import UnreadableImageError


class ReadImage(NamedTuple):
    """A photograph, or a page or frame, and the user's mask if there is one."""

    photograph: Photograph
    mask: Optional[NDArray[np.uint8]]


class ReadFile(NamedTuple):
    """The photographs of a file, one unless all pages are wanted, and the time for reading."""

    pages: list[ReadImage]
    seconds: float


class Written(NamedTuple):
    """Paths of the written pictures, remarks on what the formats could not hold, and the time for writing."""

    outputs: dict[PictureKind, str]
    remarks: list[str]
    seconds: float


def read_file(job: Job, options: Options, stdin: Optional[bytes]) -> ReadFile:
    """Read a photograph, or all its pages, and the mask.

    Args:
        job: the job of the photograph.
        options: of the run.
        stdin: content of standard input, for the job that reads it.

    Raises:
        ImageError: One of them cannot be read.
    """
    start = time.monotonic()
    with silenced_libraries():
        try:
            source = io.BytesIO(stdin or b'') if job.input.is_stdin else job.input.path
            if options.pages == 'all':
                photographs = read_pages(source, limits=options.limits)
            else:
                photographs = (read_photograph(source, limits=options.limits),)
        except UnreadableImageError as error:
            raise ImageError(error.reason) from error
        pages = [ReadImage(photograph, _read_mask(job, photograph, options)) for photograph in photographs]
    return ReadFile(pages, time.monotonic() - start)


def _read_mask(job: Job, photograph: Photograph, options: Options) -> Optional[NDArray[np.uint8]]:
    if job.mask is not None:
        return read_mask(job.mask, photograph.size, polarity=options.mask_polarity, channel=options.mask_channel)
    if not options.repairs_erased:
        return None
    try:
        return erased_pixels(photograph.pixels)
    except ValueError as error:
        raise ImageError(f'--{error}') from error


def restore_image(
    restorer: ImageRestorer, read: ReadImage, options: Options, progress: Optional[Progress]
) -> Restoration:
    """Restore a photograph, or only find what is corrupted if no picture of the repair is wanted.

    Raises:
        ImageError: It cannot be restored, for example because memory ran out.
    """
    settings: dict[str, Any] = {'grow': options.grow}
    if options.threshold is not None:
        settings['threshold'] = options.threshold
    if options.min_score is not None:
        settings['min_score'] = options.min_score
    mask = OWN_ALPHA if options.repairs_erased else read.mask
    try:
        if not options.repairs:
            return Restoration(read.photograph.shown, *restorer.find(read.photograph.shown, **settings))
        settings.update(composite=options.composite, reverse=options.reverse, feather=options.feather)
        return restorer.restore(read.photograph.shown, mask=mask, progress=progress, **settings)
    except Exception as error:  # of any kind: the other images must still be processed
        raise ImageError(_failure(error)) from error


def _failure(error: Exception) -> str:
    text = ' '.join(str(error).split())
    if isinstance(error, MemoryError) or 'out of memory' in text.lower() or "can't allocate memory" in text:
        return 'memory ran out: give a smaller number to --memory or --batch'
    return f'cannot be restored: {text or type(error).__name__}'


def write_pictures(job: Job, read: ReadFile, restorations: Sequence[Restoration], options: Options) -> Written:
    """Write the requested pictures, each completely or not at all.

    Raises:
        ImageError: One cannot be written; those before it have been.
    """
    start = time.monotonic()
    remarks: list[str] = []
    written: dict[PictureKind, str] = {}
    photographs = [page.photograph for page in read.pages]
    try:
        for kind, path in job.outputs.items():
            if kind == 'restored':
                content, more = _encode_restored(job, photographs, restorations, options)
                remarks += more
            else:
                content = _png([_picture(kind, *page) for page in zip(photographs, restorations)])
            _put(content, path, overwrite=options.overwrite)
            written[kind] = path
    except OSError as error:
        raise ImageError(f'{shown(path)} cannot be written: {reason_of(error)}') from error
    except (ValueError, MemoryError) as error:
        raise ImageError(f'{shown(path)} cannot be written: {error}') from error
    return Written(written, remarks, time.monotonic() - start)


def _encode_restored(
    job: Job, photographs: Sequence[Photograph], restorations: Sequence[Restoration], options: Options
) -> tuple[bytes, list[str]]:
    repaired = [page.with_repaired(restoration.image) for page, restoration in zip(photographs, restorations)]
    keeps = not options.strip_metadata
    return encode_pages(repaired, job.format, quality=options.quality, keep_metadata=keeps)


def _picture(kind: PictureKind, photograph: Photograph, restoration: Restoration) -> NDArray[np.uint8]:
    if kind == 'mask':
        return restoration.mask
    if kind == 'confidence':
        return confidence_picture(restoration.confidence)
    if kind == 'overlay':
        return overlay_picture(as_seen(photograph.shown), restoration.mask)
    return side_by_side(as_seen(photograph.shown), restoration.mask, as_seen(restoration.image))


def _png(pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    """Encode a picture, or several as frames; smaller ones are filled up with black to the right and below."""
    height, width = (max(picture.shape[side] for picture in pictures) for side in (0, 1))
    padded = [
        np.pad(each, [(0, height - each.shape[0]), (0, width - each.shape[1])] + [(0, 0)] * (each.ndim - 2))
        for each in pictures
    ]
    first, *others = map(Image.fromarray, padded)
    content = io.BytesIO()
    first.save(content, 'PNG', compress_level=4, **({'save_all': True, 'append_images': others} if others else {}))
    return content.getvalue()


def _put(content: bytes, path: str, *, overwrite: bool) -> None:
    if path == STANDARD_STREAM:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    # Checked again: another process may have written there while the network worked.
    problem = existing_output([path], overwrite=overwrite)
    if problem is not None:
        raise OSError(problem)
    with atomic_file(Path(path), durable=False) as file:
        file.write(content)
