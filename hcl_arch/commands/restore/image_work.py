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
from hcl_arch.commands.restore.mask_making import make_excluded, make_mask
from hcl_arch.commands.restore.mask_pictures import cutout, with_channel
from hcl_arch.commands.restore.models import ImageRestorer
from hcl_arch.commands.restore.options import STANDARD_STREAM, Options, PictureKind
from hcl_arch.commands.restore.outputs import Job, existing_output
from hcl_arch.commands.restore.picture_names import format_of
from hcl_arch.commands.restore.pictures import confidence_picture, overlay_picture, side_by_side
from hcl_arch.restoration.mask_array import grown
from hcl_arch.restoration.photographs.pages import encode_pages, read_pages
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.restoration.photographs.photograph_encoding import as_seen
from hcl_arch.restoration.result import Restoration
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.mask_options import OWN_ALPHA
from hcl_arch.utils.regular_file import reason_of
from hcl_arch.utils.unreadable_image import UnreadableImageError


class ReadImage(NamedTuple):
    """A photograph, or a page or frame, the user's mask if there is one, and what is excluded from any mask."""

    photograph: Photograph
    mask: Optional[NDArray[np.uint8]]
    excluded: Optional[NDArray[np.uint8]]


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
        pages = [
            ReadImage(page, make_mask(job.mask, page, options), make_excluded(page, options)) for page in photographs
        ]
    return ReadFile(pages, time.monotonic() - start)


def restore_image(
    restorer: ImageRestorer, read: ReadImage, options: Options, progress: Optional[Progress]
) -> Restoration:
    """Restore a photograph, or only find what is corrupted if no picture of the repair is wanted.

    Raises:
        ImageError: It cannot be restored, for example because memory ran out.
    """
    if options.has_own_mask and not options.repairs:
        return _marked(read, options)
    settings: dict[str, Any] = {'grow': options.grow, 'progress': progress}
    if read.excluded is not None:
        settings['exclude'] = read.excluded
    if options.threshold is not None:
        settings['threshold'] = options.threshold
    if options.min_score is not None:
        settings['min_score'] = options.min_score
    mask = OWN_ALPHA if options.repairs_erased else read.mask
    try:
        if not options.repairs:
            return Restoration(read.photograph.shown, *restorer.find(read.photograph.shown, **settings))
        settings.update(composite=options.composite, reverse=options.reverse, erase=options.erase)
        settings.update(feather=options.feather, repair_pixelated=options.repair_pixelated)
        return restorer.restore(read.photograph.shown, mask=mask, **settings)
    except Exception as error:  # of any kind: the other images must still be processed
        raise ImageError(_failure(error)) from error


def _marked(read: ReadImage, options: Options) -> Restoration:
    """The user's mask as a result, where no picture of the repair is wanted."""
    assert read.mask is not None
    mask = grown(read.mask, options.grow)
    if read.excluded is not None:
        mask = np.where(read.excluded > 0, np.uint8(0), mask)
    confidence = (read.mask == 0).astype(np.float32)
    return Restoration(read.photograph.shown, mask, confidence, float(mask.any()), bool(mask.any()))


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
            if kind in ('restored', 'cutout', 'alpha'):
                content, more = _encode_photographs(kind, job, photographs, restorations, options)
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


def _encode_photographs(
    kind: PictureKind,
    job: Job,
    photographs: Sequence[Photograph],
    restorations: Sequence[Restoration],
    options: Options,
) -> tuple[bytes, list[str]]:
    made = [_with_content(kind, page, restoration) for page, restoration in zip(photographs, restorations)]
    wanted = job.format if kind == 'restored' else format_of(kind)
    return encode_pages(made, wanted, quality=options.quality, keep_metadata=not options.strip_metadata)


def _with_content(kind: PictureKind, photograph: Photograph, restoration: Restoration) -> Photograph:
    if kind == 'restored':
        return photograph.with_repaired(restoration.image)
    return (cutout if kind == 'cutout' else with_channel)(photograph, restoration.mask)


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
