"""The command from its arguments to its exit status."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, Optional, Protocol

from hcl_arch.commands.restore.console import Console, shown
from hcl_arch.commands.restore.errors import CommandError, ImageError
from hcl_arch.commands.restore.inputs import Found, find_inputs
from hcl_arch.commands.restore.interruption import Interrupted, interruptible
from hcl_arch.commands.restore.models import ImageRestorer, make_restorer, model_lines
from hcl_arch.commands.restore.options import STANDARD_STREAM, Options
from hcl_arch.commands.restore.outputs import (
    Job,
    existing_output,
    output_folder,
    plan_jobs,
    refuse_overwritten_inputs,
    without_existing,
)
from hcl_arch.commands.restore.summary import ImageRecord, Summary
from hcl_arch.commands.restore.user_masks import UserMasks
from hcl_arch.commands.restore.workflow import Workflow
from hcl_arch.restoration.user_mask import means_own_alpha
from hcl_arch.utils.regular_file import MAX_IMAGE_BYTES, reason_of
from hcl_arch.utils.runtime import RuntimeChoiceError

ALL_DONE, SOME_FAILED, NOT_BEGUN, INTERRUPTED = 0, 1, 2, 130


class RunsJobs(Protocol):
    """What does the work, as `Workflow` does."""

    def run(self, jobs: Sequence[Job]) -> None:
        """Do all jobs, and report and record each."""


Load = Callable[[Options], ImageRestorer]
MakeWorkflow = Callable[[ImageRestorer, Options, Console, Summary, Optional[bytes]], RunsJobs]


def run(options: Options, load: Load = make_restorer, workflow: MakeWorkflow = Workflow) -> int:
    """Run the command.

    Args:
        options: The options of the command line.
        load: Creates the restorer.
        workflow: Makes what does the work.

    Returns:
        The exit status: 0 all images are done, 1 some failed, 2 nothing could be begun, 130 interrupted.
    """
    with Console(quiet=options.quiet) as console:
        try:
            with interruptible():
                return _run(options, console, load, workflow)
        except CommandError as error:
            console.error(str(error))
            return NOT_BEGUN
        except (Interrupted, KeyboardInterrupt):
            return INTERRUPTED


def _run(options: Options, console: Console, load: Load, workflow: MakeWorkflow) -> int:
    if options.list_models:
        print('\n'.join(map(shown, model_lines())))
        return ALL_DONE
    start = time.monotonic()
    jobs, found = _plan(options)
    summary = Summary(options, n_planned=len(jobs) + len(found.problems))
    for note in found.notes:
        console.line(f'Note: {note}')
    for name, reason in found.problems:
        summary.images.append(ImageRecord(name, error=reason))
        console.error(f'{shown(name)}: {reason}')
    status = ALL_DONE
    try:
        if options.dry_run:
            _say_what_would_be_done(jobs, summary, options, console)
        elif any(job.problem is None for job in jobs):
            _do(jobs, summary, options, console, load, workflow)
        else:
            for job in jobs:
                _fail(job, summary, console)
    except (Interrupted, KeyboardInterrupt):
        summary.is_interrupted = True
        status = INTERRUPTED
    summary.seconds = time.monotonic() - start
    _say_totals(summary, options, console)
    is_told = _write_summary(summary, options, console)
    if status == ALL_DONE and not found.inputs:
        return NOT_BEGUN
    return status or (SOME_FAILED if summary.n_failed or not is_told else ALL_DONE)


def _plan(options: Options) -> tuple[list[Job], Found]:
    """Find the photographs and plan the outputs; nothing is written yet.

    Raises:
        CommandError: The run must not start.
    """
    masks = None if options.mask is None or _means_own_alpha(options.mask) else UserMasks(options.mask)
    own_folder = None if options.to_stdout else os.path.realpath(options.output)
    found = find_inputs(options.inputs, leave_out=own_folder)
    folder = output_folder(options, found)
    jobs = [_with_mask(job, masks) for job in plan_jobs(found, options, folder)]
    files = [path for path in (options.model, options.model_options) if path is not None and os.path.exists(path)]
    summary_files = [] if options.json in (None, STANDARD_STREAM) else [str(options.json)]
    files += [path for path in (options.template, *options.exclude) if path is not None and os.path.isfile(path)]
    refuse_overwritten_inputs(jobs, [*files, *(job.mask for job in jobs if job.mask)], summary_files)
    _check_summary_file(options, jobs)
    # Only here, so that each part gives a photograph the name that it has in a run of all.
    own = [job for job in jobs if options.shard is None or options.shard.takes(job.input.relative)]
    if jobs and not own:
        found.notes.append('none of the photographs is of this part (--shard)')
    return [_with_existing(job, options) for job in _left_to_do(own, options, found)], found


def _left_to_do(jobs: list[Job], options: Options, found: Found) -> list[Job]:
    """Return the jobs less what `--skip-existing` leaves out, which is noted."""
    if not options.skip_existing:
        return jobs
    left = [job for job in map(without_existing, jobs) if job.outputs]
    if len(left) < len(jobs):
        found.notes.append(f'{len(jobs) - len(left)} of {len(jobs)} photographs are done already, and left out')
    return left


def _means_own_alpha(mask: str) -> bool:
    try:
        return means_own_alpha(mask)
    except ValueError as error:
        raise CommandError(f'--{error}') from error


def _with_mask(job: Job, masks: Optional[UserMasks]) -> Job:
    if masks is None:
        return job
    try:
        return replace(job, mask=masks.path_for(job.input))
    except ImageError as error:
        return replace(job, problem=str(error))


def _with_existing(job: Job, options: Options) -> Job:
    problem = job.problem or existing_output(job.outputs.values(), overwrite=options.overwrite)
    return replace(job, problem=problem)


def _check_summary_file(options: Options, jobs: Sequence[Job]) -> None:
    if options.json is None or options.json == STANDARD_STREAM:
        return
    problem = existing_output([options.json], overwrite=options.overwrite)
    if problem is not None:
        raise CommandError(f'--json {problem.replace(" another folder with -o", " another file")}')
    if not os.path.isdir(os.path.dirname(os.path.abspath(options.json))):
        raise CommandError(f'--json {shown(options.json)}: expected the name of a file in a folder that exists')
    place = os.path.realpath(options.json)
    if any(os.path.realpath(path) == place for job in jobs for path in job.outputs.values()):
        raise CommandError(f'--json {shown(options.json)}: a picture is to be written there: name another file')


def _do(
    jobs: Sequence[Job],
    summary: Summary,
    options: Options,
    console: Console,
    load: Load,
    workflow: MakeWorkflow,
) -> None:
    stdin = _read_stdin() if any(job.input.is_stdin for job in jobs) else None
    try:
        restorer = load(options)
    except Exception as error:  # of any kind: without a model nothing can be started
        from hcl_arch.restoration.fillers import FillerError

        if isinstance(error, (FillerError, RuntimeChoiceError)):
            raise CommandError(f'--{shown(str(error))}') from error
        kind = '' if isinstance(error, (ValueError, OSError)) else f'{type(error).__name__}: '
        raise CommandError(f'--model {shown(options.model)}: {kind}{shown(str(error))}') from error
    summary.model = restorer.name
    _make_output_folder(options, jobs)
    workflow(restorer, options, console, summary, stdin).run(jobs)


def _make_output_folder(options: Options, jobs: Sequence[Job]) -> None:
    """Create the folder before the first picture is worked on, so that a failure is reported at once."""
    places = [path for job in jobs for path in job.outputs.values() if path != STANDARD_STREAM]
    if not places:
        return
    folder = os.path.dirname(os.path.abspath(options.output)) if places[0] == options.output else options.output
    if len(jobs) == 1:
        folder = os.path.dirname(os.path.abspath(places[0]))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f'-o {shown(options.output)}: the folder {shown(folder)} cannot be made: {reason_of(error)}'
        ) from error


def _read_stdin() -> bytes:
    """Read standard input here, in the main thread: Ctrl-C could not end another thread waiting for it."""
    if sys.stdin is None or sys.stdin.isatty():
        raise CommandError('-: standard input is a terminal, expected an image: hcl-restore - < photo.png')
    return sys.stdin.buffer.read(MAX_IMAGE_BYTES)


def _fail(job: Job, summary: Summary, console: Console) -> None:
    summary.images.append(ImageRecord(job.input.path, error=job.problem))
    console.error(f'{shown(job.input.name)}: {job.problem}')


def _say_what_would_be_done(jobs: Sequence[Job], summary: Summary, options: Options, console: Console) -> None:
    for job in jobs:
        if job.problem is not None:
            _fail(job, summary, console)
            continue
        summary.images.append(ImageRecord(job.input.path, outputs=dict(job.outputs)))
        line = f'{shown(job.input.name)} -> {", ".join(map(shown, job.outputs.values()))}'
        if STANDARD_STREAM in (options.json, options.output):
            console.line(line)
        else:
            print(line)


def _say_totals(summary: Summary, options: Options, console: Console) -> None:
    left = summary.n_planned - len(summary.images)
    done = 'restored' if options.repairs else 'done'
    if options.dry_run:
        done = f'would be {done}'
    unchanged = summary.n_nothing_found
    parts = [
        f'{summary.n_done - unchanged} {done}',
        f'{unchanged} with nothing found' if unchanged else '',
        f'{summary.n_failed} failed' if summary.n_failed else '',
        f'interrupted, {left} not begun' if summary.is_interrupted else '',
    ]
    text = ', '.join(part for part in parts if part)
    if summary.n_planned > 1 or summary.is_interrupted:
        console.line(f'{summary.n_planned} images: {text}, {summary.seconds:.1f} s')


def _write_summary(summary: Summary, options: Options, console: Console) -> bool:
    if options.json is None:
        return True
    try:
        summary.write(options.json)
    except OSError as error:
        console.error(f'--json {shown(options.json)} cannot be written: {reason_of(error)}')
        return False
    return True
