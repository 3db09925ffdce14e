"""Process many images in sequence: the next are read and the last written while the network works."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Optional

import numpy as np

from hcl_arch.commands.restore.console import Console, shown
from hcl_arch.commands.restore.errors import ImageError
from hcl_arch.commands.restore.image_work import ReadImage, Written, read_image, restore_image, write_pictures
from hcl_arch.commands.restore.models import ImageRestorer
from hcl_arch.commands.restore.options import Options
from hcl_arch.commands.restore.outputs import Job
from hcl_arch.commands.restore.remarks import remarks_on_finding, remarks_on_mask
from hcl_arch.commands.restore.summary import ImageRecord, Summary
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import nothing_found


class _Restored(NamedTuple):
    """An image that is being written."""

    job: Job
    record: ImageRecord
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
    ) -> Iterator[tuple[Job, Optional[Future[ReadImage]]]]:
        ahead: deque[tuple[Job, Optional[Future[ReadImage]]]] = deque()
        for job in jobs:
            future = None if job.problem is not None else reader.submit(read_image, job, self._options, self._stdin)
            ahead.append((job, future))
            if len(ahead) > self._options.batch:
                yield ahead.popleft()
        while ahead:
            yield ahead.popleft()

    def _do(self, job: Job, reading: Optional[Future[ReadImage]], writer: ThreadPoolExecutor) -> None:
        record = ImageRecord(job.input.path)
        try:
            if reading is None:
                raise ImageError(job.problem or '')
            read = reading.result()
            record.size = read.photograph.size
            record.megapixels = record.size[0] * record.size[1] / 1e6
            record.remarks += read.photograph.remarks
            start = time.monotonic()
            with self._console.tiles(job.input.name) as progress:
                restoration = restore_image(self._restorer, read, self._options, progress)
            _note_figures(record, restoration)
            if read.mask is None:
                self._note_verdict(record, restoration)
            else:
                record.mask_pixels = int(np.count_nonzero(read.mask))
                record.mask_share = record.mask_pixels / read.mask.size
                record.remarks += remarks_on_mask(read.mask)
            record.seconds = read.seconds + time.monotonic() - start
        except Exception as error:  # of any kind: the other images must still be processed
            self._tell(job, record, error)
            return
        written = writer.submit(write_pictures, job, read, restoration, self._options)
        self._writing.append(_Restored(job, record, written))

    def _note_verdict(self, record: ImageRecord, restoration: Restoration) -> None:
        wanted = self._options.min_score
        record.min_score = self._restorer.min_score if wanted is None else wanted
        record.score, record.found = restoration.score, restoration.found
        record.remarks += remarks_on_finding(restoration, record.min_score)

    def _finish(self) -> None:
        """Wait until the earliest restored image is written."""
        job, record, future = self._writing[0]
        error: Optional[Exception] = None
        try:
            written = future.result()
            record.outputs = dict(written.outputs)
            record.remarks += written.remarks
            record.seconds = (record.seconds or 0.0) + written.seconds
        except Exception as failure:
            error = failure
        self._writing.popleft()  # only now: a signal may have ended the wait
        self._tell(job, record, error)

    def _tell(self, job: Job, record: ImageRecord, error: Optional[Exception]) -> None:
        if error is not None:
            record.error = str(error) if isinstance(error, ImageError) else f'{type(error).__name__}: {error}'
        self._summary.images.append(record)
        if record.error is not None:
            self._console.error(f'{shown(job.input.name)}: {shown(record.error)}')
        else:
            self._console.line(f'[{len(self._summary.images)}/{self._summary.n_planned}] {_line(job, record)}')


def _note_figures(record: ImageRecord, restoration: Restoration) -> None:
    record.corrupted_share = float((restoration.mask > 0).mean())
    record.mean_confidence = float(restoration.confidence.mean(dtype='float64'))


def _line(job: Job, record: ImageRecord) -> str:
    """The message for a finished image."""
    remarks = f' ({"; ".join(record.remarks)})' if record.remarks else ''
    first = next(iter(record.outputs.values()), '')
    target = 'standard output' if first == '-' else shown(first)
    if record.found is False:
        verdict = nothing_found(record.score or 0.0, record.min_score or 0.0, (record.size or (1, 1))[::-1])
        return f'{shown(job.input.name)}: {verdict}; left as it is -> {target}{remarks}'
    width, height = record.size or (0, 0)
    share = record.mask_share
    mask = '' if share is None else f'mask of {record.mask_pixels:,} pixels ({100 * share:.1f} %), '
    return (
        f'{shown(job.input.name)}: {width} x {height}, {mask}{100 * (record.corrupted_share or 0):.1f} % corrupted, '
        f'{record.seconds:.1f} s -> {target}{remarks}'
    )
