"""Plan the output files of each photograph without losing any input or existing file."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

from hcl_arch.commands.restore.console import shown
from hcl_arch.commands.restore.errors import CommandError
from hcl_arch.commands.restore.inputs import OTHER_PHOTOGRAPHS, Found, Input
from hcl_arch.commands.restore.options import STANDARD_STREAM, Options, PictureKind
from hcl_arch.commands.restore.picture_names import format_of, path_of, suffix_of
from hcl_arch.restoration.photographs.photograph import (
    FORMAT_OF_SUFFIX,
    SUFFIX_OF_FORMAT,
    SUFFIXES,
    unwritten_format,
)
from hcl_arch.utils.atomic_file import refuse_special_file
from hcl_arch.utils.command_line import names_a_file
from hcl_arch.utils.regular_file import reason_of


@dataclass(frozen=True)
class Job:
    """A photograph and its planned outputs.

    Attributes:
        input: the photograph.
        outputs: paths of the pictures; '-' for standard output.
        format: Pillow's name of the format of the restored photograph; None: that of the input.
        problem: why it cannot be processed, if known before reading; else None.
        mask: path of the user's mask, None without one.
    """

    input: Input
    outputs: dict[PictureKind, str] = field(default_factory=dict)
    format: Optional[str] = None
    problem: Optional[str] = None
    mask: Optional[str] = None


def output_folder(options: Options, found: Found) -> Optional[str]:
    """Return the folder to write to, None if a file or standard output is given.

    Raises:
        CommandError: It is a device, or a file where there are several photographs or no such picture is written.
    """
    place = options.output
    if options.to_stdout:
        if len(found.inputs) + len(found.problems) > 1 or not (found.is_single_file or found.problems):
            raise CommandError('-o - takes one photograph: name one file, or a folder to write to')
        return None
    if os.path.isdir(place) or place.endswith(('/', os.sep)):
        return place
    if os.path.lexists(place) and not os.path.isfile(place):
        raise CommandError(
            f'-o {shown(place)}: expected a file or a folder, found a pipe, a device, a socket or a '
            'link that leads nowhere'
        )
    suffix = os.path.splitext(place)[1].lower()
    if found.is_single_file and suffix in FORMAT_OF_SUFFIX:
        return None
    if found.inputs and (os.path.isfile(place) or suffix in SUFFIXES | OTHER_PHOTOGRAPHS or names_a_file(place)):
        named = 'is a file' if os.path.isfile(place) else 'is the name of a file'
        raise CommandError(
            f'-o {shown(place)}: {named}; expected a folder (with a / at the end it may have any name), or with one '
            f'photograph a file named {", ".join(sorted(FORMAT_OF_SUFFIX))}'
        )
    return place


def plan_jobs(found: Found, options: Options, folder: Optional[str]) -> list[Job]:
    """Plan the outputs of each photograph.

    Args:
        found: the photographs.
        options: of the run.
        folder: `output_folder`.

    Raises:
        CommandError: Two photographs would be written to the same path, or the format contradicts a file's extension.
    """
    if folder is None:
        return [_single_job(item, options) for item in found.inputs]
    jobs = []
    for item, stem, suffix in _told_apart(found.inputs):
        file_format = options.wanted_format or FORMAT_OF_SUFFIX.get(suffix.lower()) or unwritten_format(suffix)
        if options.format != 'keep' or suffix.lower() not in FORMAT_OF_SUFFIX:
            suffix = SUFFIX_OF_FORMAT[file_format]
        restored = os.path.join(folder, *stem.split('/')) + suffix
        outputs = {
            kind: restored if kind == 'restored' else path_of(kind, folder, stem, options) for kind in options.save
        }
        jobs.append(Job(item, outputs, file_format))
    _refuse_shared_outputs(jobs)
    return jobs


def _single_job(item: Input, options: Options) -> Job:
    """Plan the job whose output is a named file or standard output."""
    if options.to_stdout:
        return Job(item, {options.save[0]: STANDARD_STREAM}, options.wanted_format)
    stem, suffix = os.path.splitext(options.output)
    file_format = FORMAT_OF_SUFFIX[suffix.lower()]
    if options.wanted_format not in (None, file_format):
        raise CommandError(
            f'-o {shown(options.output)} and --format {options.format} contradict each other: leave one out'
        )
    if len(options.save) == 1:
        kind = options.save[0]
        if kind != 'restored' and file_format != format_of(kind):
            raise CommandError(
                f'-o {shown(options.output)}: --save {kind} is written as {format_of(kind)}: expected a '
                f'name that ends in {suffix_of(kind)}'
            )
        return Job(item, {options.save[0]: options.output}, file_format)
    folder, name = os.path.split(stem)
    outputs = {
        kind: options.output if kind == 'restored' else path_of(kind, folder, name, options) for kind in options.save
    }
    job = Job(item, outputs, file_format)
    _refuse_shared_outputs([job])
    return job


def _told_apart(inputs: Sequence[Input]) -> Iterable[tuple[Input, str, str]]:
    """Yield inputs, their output stems and extensions; if only the extension differs, it is added to the stem."""
    by_stem: dict[str, set[str]] = defaultdict(set)
    parts = [(item, *os.path.splitext(item.relative)) for item in inputs]
    for _, stem, suffix in parts:
        by_stem[_folded(stem)].add(suffix.lower())
    for item, stem, suffix in parts:
        if len(by_stem[_folded(stem)]) > 1:
            stem = f'{stem}_{suffix[1:]}'
        yield item, stem, suffix


def _folded(name: str) -> str:
    """Return a name as case-insensitive and Unicode-normalising file systems compare it."""
    return unicodedata.normalize('NFC', name).casefold()


def _refuse_shared_outputs(jobs: Sequence[Job]) -> None:
    taken: dict[str, tuple[Input, str]] = {}
    for job in jobs:
        for path in job.outputs.values():
            other, _ = taken.setdefault(_folded(os.path.abspath(path)), (job.input, path))
            if other is not job.input:
                raise CommandError(
                    f'{shown(other.name)} and {shown(job.input.name)} would both be written to '
                    f'{shown(path)} (upper and lower case count as one): name the folder that holds '
                    'both, or restore them one after the other into two folders'
                )


def refuse_overwritten_inputs(jobs: Sequence[Job], read: Iterable[str], more_outputs: Iterable[str]) -> None:
    """Refuse to overwrite anything that is read, under any name or link.

    Args:
        jobs: the planned jobs.
        read: other paths that are read: masks, models.
        more_outputs: other paths that are written.

    Raises:
        CommandError: An output is one of the inputs.
    """
    identities: dict[tuple[int, int], str] = {}
    places: dict[str, str] = {}
    for path in [*(job.input.path for job in jobs if not job.input.is_stdin), *read]:
        identity = _identity(path)
        places[os.path.abspath(path)] = path
        if identity is not None:
            identities[identity] = path
    outputs = [path for job in jobs for path in job.outputs.values()]
    for path in [*outputs, *more_outputs]:
        if path == STANDARD_STREAM:
            continue
        identity = _identity(path)
        hit = places.get(os.path.abspath(path)) or (identities.get(identity) if identity is not None else None)
        if hit is not None:
            raise CommandError(
                f'{shown(path)} would be written over what is read from {shown(hit)}, which is never '
                'done: name another folder with -o'
            )


def _identity(path: str) -> Optional[tuple[int, int]]:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def without_existing(job: Job) -> Job:
    """Return a job without the pictures that are there already."""
    missing = {kind: path for kind, path in job.outputs.items() if path == STANDARD_STREAM or not os.path.lexists(path)}
    return replace(job, outputs=missing)


def existing_output(outputs: Iterable[str], *, overwrite: bool) -> Optional[str]:
    """Return why outputs may not be written, None if they may."""
    for path in outputs:
        if path == STANDARD_STREAM or not os.path.lexists(path):
            continue
        try:
            refuse_special_file(path)
        except OSError as error:
            return f'{shown(path)} {reason_of(error)}'
        if not overwrite:
            return f'{shown(path)} exists already: name another folder with -o, or give --overwrite'
    return None
