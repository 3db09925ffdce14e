"""Photographs through Ray Data: the operator, and the run that hands it chunks and hears of each photograph."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import ray
import ray.data
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from hcl_arch.commands.restore.console import Console
from hcl_arch.commands.restore.errors import CommandError
from hcl_arch.commands.restore.models import ImageRestorer, make_restorer
from hcl_arch.commands.restore.options import Options
from hcl_arch.commands.restore.outputs import Job, without_existing
from hcl_arch.commands.restore.summary import ImageRecord, Summary
from hcl_arch.commands.restore.workflow import Workflow, tell

# Of a chunk whose worker ended, by its fault or not: the third worker that it ends is the last one.
_RETRIES = 2
_LOST = 'its workers ended before they were done with it, three times when it was alone; memory may have run out'
_WRITTEN_BEFORE = 'written by a worker that ended before it told more'
_ROW = 'row'
Load = Callable[[Options], ImageRestorer]


class Workers(NamedTuple):
    """What a run asks of the cluster."""

    number: Optional[int]
    """How many workers; None: as many as its CPUs allow."""
    chunk: int
    """Photographs that a worker takes at a time."""
    gpus: float
    """Of each worker."""


class RestorePhotographs:
    """The operator, for `map_batches`: takes pickled (number, job) and gives (number, record).

    Args:
        options: Of the run.
        folder: From which its paths start.
        load: Makes the model, one for each worker.
    """

    def __init__(self, options: Options, folder: str, load: Load) -> None:
        with contextlib.suppress(OSError):  # a machine without the folder can do with absolute paths
            os.chdir(folder)
        self._options = options
        self._restorer = load(options)

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Do a chunk as `hcl-restore` does it; a photograph that fails has a record too."""
        jobs: dict[int, Job] = dict(map(pickle.loads, batch[_ROW]))
        # A chunk comes again where a worker ended. Nothing was there when the run began, so what is there is done.
        left = {number: self._left_of(job) for number, job in jobs.items()}
        summary = Summary(self._options, n_planned=len(jobs))
        with _Silent(quiet=True) as console:
            workflow = Workflow(self._restorer, self._options, console, summary, None)
            workflow.run([job for job in left.values() if job.outputs])
        records = {record.input: record for record in summary.images}
        return {_ROW: _pickled((number, _record(job, records.get(job.input.path))) for number, job in jobs.items())}

    def _left_of(self, job: Job) -> Job:
        return job if self._options.overwrite or job.problem is not None else without_existing(job)


class RayWorkflow:
    """Runs jobs on a cluster; the first argument besides those of `Workflow`.

    Args:
        workers: What is asked of the cluster.
        restorer: Not used: each worker has its own.
        options: Of the run.
        console: Reports every image.
        summary: Receives a record of every image.
        stdin: Not used.
        load: Makes the model of a worker.
    """

    def __init__(
        self,
        workers: Workers,
        restorer: ImageRestorer,
        options: Options,
        console: Console,
        summary: Summary,
        stdin: Optional[bytes],
        *,
        load: Load = make_restorer,
    ) -> None:
        self._workers, self._options, self._console, self._summary, self._load = (
            workers, options, console, summary, load
        )  # fmt: skip

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. Those of a chunk whose workers all ended are run once more, each alone, to find the culprit.

        Raises:
            CommandError: The workers cannot begin.
        """
        logging.getLogger('ray.data').setLevel(logging.CRITICAL)  # what it says of errors, records say
        # Ray 2.64 takes `max_task_retries` away; setup.py asks for one before it.
        warnings.filterwarnings('ignore', category=RayDeprecationWarning)
        left = dict(enumerate(jobs))
        for chunk in (self._workers.chunk, 1):
            if left:
                for number, record in self._records(dict(left), chunk):
                    tell(left.pop(number), record, self._summary, self._console)
        for job in left.values():
            tell(job, ImageRecord(job.input.path, error=_LOST), self._summary, self._console)

    def _records(self, jobs: Mapping[int, Job], chunk: int) -> Iterator[tuple[int, ImageRecord]]:
        """Yield records as the photographs are done, in any order; those of a chunk that is given up are missing."""
        rows = [{_ROW: row} for row in _pickled(jobs.items())]
        cpus = self._options.threads or 1
        number = self._workers.number or max(1, int(ray.cluster_resources().get('CPU', 1)) // cpus)
        dataset = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // chunk)).map_batches(
            RestorePhotographs,
            batch_size=chunk,
            fn_constructor_args=(self._options, os.getcwd(), self._load),
            # Not more: where a worker ends, its waiting chunks would have failed once more too.
            compute=ray.data.ActorPoolStrategy(size=number, max_tasks_in_flight_per_actor=1),
            num_cpus=cpus,
            num_gpus=self._workers.gpus,
            max_task_retries=_RETRIES,
        )
        dataset.context.max_errored_blocks = -1
        dataset.context.enable_progress_bars = False
        try:
            for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
                yield from map(pickle.loads, batch[_ROW])
        except RayError as error:
            raise CommandError(f'the workers cannot begin: {str(error).strip().splitlines()[-1]}') from error


class _Silent(Console):
    """Says nothing: the run does, which hears of every photograph."""

    def _write(self, text: str) -> None:
        pass


def _record(job: Job, record: Optional[ImageRecord]) -> ImageRecord:
    if record is None:
        return ImageRecord(job.input.path, outputs=dict(job.outputs), remarks=[_WRITTEN_BEFORE])
    if record.error is None:
        record.outputs = dict(job.outputs)
    return record


def _pickled(items: Any) -> NDArray[np.object_]:
    """Each item as bytes, since names of files need not be text."""
    return np.array([pickle.dumps(item) for item in items], dtype=object)
