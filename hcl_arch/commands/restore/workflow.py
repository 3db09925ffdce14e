"""Process many images in sequence: the next are read and the last written while the network works."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, Optional

import numpy as np

from hcl_arch.commands.restore.console import Console, shown
from hcl_arch.commands.restore.errors import ImageError
from hcl_arch.commands.restore.image_work import ReadFile, Written, read_file, restore_image, write_pictures
from hcl_arch.commands.restore.models import ImageRestorer
from hcl_arch.commands.restore.options import Options
from hcl_arch.commands.restore.outputs import Job
from hcl_arch.commands.restore.remarks import remarks_on_finding, remarks_on_mask
from hcl_arch.commands.restore.summary import ImageRecord, Summary
from hcl_arch.restoration.photographs.photograph import COPIED
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import nothing_found


class _Restored(NamedTuple):
    """An image that is being written."""

    job: Job
    record: ImageRecord
    of_reading: Sequence[str]
    """The remarks on how it was read."""
    written: Future[Written]


class Workflow:
    """Runs jobs and reports their results.

    Args:
        restorer: the model.
        options: of the run; `batch` is how many images are read ahead, and how many may wait to be written.
        console: reports every image.
        summary: receives a record of every image.
        stdin: content of standard input, if it is one of the images.
    """

    def __init__(
        self, restorer: ImageRestorer, options: Options, console: Console, summary: Summary, stdin: Optional[bytes]
    ) -> None:
        self._restorer = restorer
        self._options = options
        self._console = console
        self._summary = summary
        self._stdin = stdin
        self._writing: deque[_Restored] = deque()

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. If it ends early, restored images are still written and reported first."""
        reader, writer = ThreadPoolExecutor(1, 'read'), ThreadPoolExecutor(1, 'write')
        try:
            for job, reading in self._read_ahead(jobs, reader):
                self._do(job, reading, writer)
                while len(self._writing) > self._options.batch:
                    self._finish()
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            while self._writing:
                self._finish()
            writer.shutdown()

    def _read_ahead(
        self, jobs: Sequence[Job], reader: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Optional[Future[ReadFile]]]]:
        ahead: deque[tuple[Job, Optional[Future[ReadFile]]]] = deque()
        for job in jobs:
            future = None if job.problem is not None else reader.submit(read_file, job, self._options, self._stdin)
            ahead.append((job, future))
            if len(ahead) > self._options.batch:
                yield ahead.popleft()
        while ahead:
            yield ahead.popleft()

    def _do(self, job: Job, reading: Optional[Future[ReadFile]], writer: ThreadPoolExecutor) -> None:
        record = ImageRecord(job.input.path)
        try:
            if reading is None:
                raise ImageError(job.problem or '')
            read = reading.result()
            _note_photographs(record, read)
            start = time.monotonic()
            wanted = replace(self._options, save=tuple(job.outputs))  # fewer where some are there already
            with self._console.tiles(job.input.name) as progress:
                restorations = [restore_image(self._restorer, page, wanted, progress) for page in read.pages]
            _note_figures(record, restorations)
            if read.pages[0].mask is None:
                self._note_verdict(record, restorations)
            else:
                masks = [page.mask for page in read.pages if page.mask is not None]
                record.mask_pixels = sum(int(np.count_nonzero(mask)) for mask in masks)
                record.mask_share = record.mask_pixels / sum(mask.size for mask in masks)
                record.remarks += dict.fromkeys(remark for mask in masks for remark in remarks_on_mask(mask))
            record.seconds = read.seconds + time.monotonic() - start
        except Exception as error:  # of any kind: the other images must still be processed
            self._tell(job, record, error)
            return
        written = writer.submit(write_pictures, job, read, restorations, self._options)
        of_reading = [remark for page in read.pages for remark in page.photograph.remarks]
        self._writing.append(_Restored(job, record, of_reading, written))

    def _note_verdict(self, record: ImageRecord, restorations: Sequence[Restoration]) -> None:
        wanted = self._options.min_score
        record.min_score = self._restorer.min_score if wanted is None else wanted
        record.score = max(restoration.score for restoration in restorations)
        record.found = any(restoration.found for restoration in restorations)
        remarks = (remark for each in restorations for remark in remarks_on_finding(each, record.min_score))
        record.remarks += dict.fromkeys(remarks)

    def _finish(self) -> None:
        """Wait until the earliest restored image is written."""
        job, record, of_reading, future = self._writing[0]
        error: Optional[Exception] = None
        try:
            written = future.result()
            record.outputs = dict(written.outputs)
            if COPIED in written.remarks:  # then nothing that was remarked while reading is true
                record.remarks = [remark for remark in record.remarks if remark not in of_reading]
            record.remarks += written.remarks
            record.seconds = (record.seconds or 0.0) + written.seconds
        except Exception as failure:
            error = failure
        self._writing.popleft()  # only now: a signal may have ended the wait
        self._tell(job, record, error)

    def _tell(self, job: Job, record: ImageRecord, error: Optional[Exception]) -> None:
        if error is not None:
            record.error = str(error) if isinstance(error, ImageError) else f'{type(error).__name__}: {error}'
        tell(job, record, self._summary, self._console)


def tell(job: Job, record: ImageRecord, summary: Summary, console: Console) -> None:
    """Put an image's result into the summary, and say it."""
    summary.images.append(record)
    if record.error is not None:
        console.error(f'{shown(job.input.name)}: {shown(record.error)}')
    else:
        console.line(f'[{len(summary.images)}/{summary.n_planned}] {_line(job, record)}')


def _note_photographs(record: ImageRecord, read: ReadFile) -> None:
    photographs = [page.photograph for page in read.pages]
    record.size, record.pages = photographs[0].size, len(photographs)
    record.megapixels = sum(photograph.size[0] * photograph.size[1] for photograph in photographs) / 1e6
    record.remarks += dict.fromkeys(remark for photograph in photographs for remark in photograph.remarks)


def _note_figures(record: ImageRecord, restorations: Sequence[Restoration]) -> None:
    n_pixels = sum(restoration.mask.size for restoration in restorations)
    record.corrupted_share = sum(int(np.count_nonzero(each.mask)) for each in restorations) / n_pixels
    record.mean_confidence = sum(float(each.confidence.sum(dtype='float64')) for each in restorations) / n_pixels


def _line(job: Job, record: ImageRecord) -> str:
    """The message for a finished image."""
    remarks = f' ({"; ".join(record.remarks)})' if record.remarks else ''
    first = next(iter(record.outputs.values()), '')
    target = 'standard output' if first == '-' else shown(first)
    if record.size is None:  # nothing more is known
        return f'{shown(job.input.name)} -> {target}{remarks}'
    if record.found is False:
        verdict = nothing_found(record.score or 0.0, record.min_score or 0.0, record.size[::-1])
        return f'{shown(job.input.name)}: {verdict}; left as it is -> {target}{remarks}'
    width, height = record.size
    pages = f' ({record.pages} pages)' if record.pages > 1 else ''
    share = record.mask_share
    mask = '' if share is None else f'mask of {record.mask_pixels:,} pixels ({100 * share:.1f} %), '
    return (
        f'{shown(job.input.name)}: {width} x {height}{pages}, {mask}'
        f'{100 * (record.corrupted_share or 0):.1f} % corrupted, {record.seconds:.1f} s -> {target}{remarks}'
    )
