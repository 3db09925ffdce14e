"""Find the photographs given on the command line: files, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hcl_arch.commands.restore.console import shown
from hcl_arch.commands.restore.options import STANDARD_STREAM
from hcl_arch.restoration.photographs.photograph import SUFFIXES
from hcl_arch.utils.regular_file import reason_of

STDIN_NAME = 'stdin'
# Unsupported types of photographs: in a folder they are not failures, but they must not be skipped silently.
OTHER_PHOTOGRAPHS = frozenset(
    {
        '.jxl',
        '.svg',
        '.psd',
        '.pdf',
        '.dng',
        '.cr2',
        '.cr3',
        '.nef',
        '.arw',
        '.orf',
        '.rw2',
        '.raf',
        '.exr',
        '.hdr',
        '.tga',
        '.ppm',
        '.pgm',
        '.ico',
    }
)
_MOST_NAMED = 5


@dataclass(frozen=True)
class Input:
    """A photograph to restore.

    Attributes:
        path: path of its file; '-' for standard input.
        relative: its name in the output folder, with '/' between folders, with its extension.
    """

    path: str
    relative: str

    @property
    def is_stdin(self) -> bool:
        """Whether it comes from standard input."""
        return self.path == STANDARD_STREAM

    @property
    def name(self) -> str:
        """Its name in messages."""
        return 'standard input' if self.is_stdin else self.path


@dataclass
class Found:
    """The found photographs and problems.

    Attributes:
        inputs: the photographs, without duplicates.
        problems: names that could not be found, with reasons.
        notes: further notes for the user.
        is_single_file: whether the command line names exactly one file.
    """

    inputs: list[Input] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_single_file: bool = False


def find_inputs(arguments: Sequence[str], *, leave_out: str | None = None) -> Found:
    """Find the photographs.

    Args:
        arguments: of the command line. Existing paths are taken literally, others as globs.
        leave_out: a folder that is not searched: the output folder, with results of an earlier run.

    Returns:
        The photographs in the order of the arguments, those of a folder sorted by name.
    """
    found = Found()
    places = list(_places(arguments, found))
    folders = [place for place, _ in places if os.path.isdir(place)]
    found.is_single_file = len(arguments) == 1 and len(places) == 1 and not folders
    for place, relative in places:
        if place in folders:
            own_name = os.path.basename(os.path.abspath(place)) if relative is None else relative
            prefix = own_name if len(folders) > 1 else ''
            _search(place, prefix, leave_out, found)
        else:
            name = STDIN_NAME + '.png' if place == STANDARD_STREAM else os.path.basename(place)
            found.inputs.append(Input(place, relative or name))
    found.inputs = _without_repeats(found.inputs)
    return found


def _places(arguments: Sequence[str], found: Found) -> Iterator[tuple[str, str | None]]:
    """Yield paths and, for matches of a glob, their names below its fixed part."""
    for argument in arguments:
        if argument == STANDARD_STREAM or os.path.lexists(argument):
            yield argument, None
        elif not glob.has_magic(argument):
            found.problems.append((argument, _absence(argument)))
        else:
            base = _fixed_part(argument)
            matches = sorted(glob.glob(argument, recursive=True))
            # Files in folders that `**` matches are matched by it as well.
            matches = [path for path in matches if not ('**' in argument and os.path.isdir(path))]
            if not matches:
                found.problems.append((argument, 'no such file, and as a glob it matches none'))
            for path in matches:
                yield path, os.path.relpath(path, base or os.curdir).replace(os.sep, '/')


def _absence(path: str) -> str:
    try:
        os.stat(path)
    except OSError as error:
        reason = reason_of(error)
        return 'no such file' if isinstance(error, FileNotFoundError) else f'cannot be looked at ({reason})'
    except ValueError as error:
        return f'no name of a file ({error})'
    return 'no such file'


def _fixed_part(pattern: str) -> str:
    """Return the folder before a glob's first part with a wildcard."""
    folder = os.path.dirname(pattern)
    while folder and glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _search(folder: str, prefix: str, leave_out: str | None, found: Found) -> None:
    """Add the photographs of a folder and its subfolders, including those behind links, each folder once."""
    seen, others, before = set[tuple[int, int]](), list[str](), (len(found.inputs), len(found.problems))

    def note_error(error: OSError) -> None:
        found.problems.append((str(error.filename), f'cannot be searched ({reason_of(error)}). Allow reading it'))

    for root, folders, files in os.walk(folder, onerror=note_error, followlinks=True):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in seen or (leave_out and os.path.realpath(root) == leave_out):
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        # Links come last, so a folder reached in two ways keeps its own name.
        folders[:] = sorted(
            (name for name in folders if not name.startswith('.')),
            key=lambda name: (os.path.islink(os.path.join(root, name)), name),
        )
        for name in sorted(files):
            path = os.path.join(root, name)
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES and not name.startswith('.'):
                relative = os.path.normpath(os.path.join(prefix, os.path.relpath(path, folder)))
                found.inputs.append(Input(path, relative.replace(os.sep, '/')))
            elif suffix in OTHER_PHOTOGRAPHS and not name.startswith('.'):
                others.append(path)
    if others:
        named = ', '.join(map(shown, others[:_MOST_NAMED])) + (' ...' if len(others) > _MOST_NAMED else '')
        found.notes.append(f'{len(others)} files are of kinds that are not read here, and passed over: {named}')
    if before == (len(found.inputs), len(found.problems)):
        found.problems.append((folder, f'no photographs in this folder (files named {", ".join(sorted(SUFFIXES))})'))


def _without_repeats(inputs: Sequence[Input]) -> list[Input]:
    """Remove paths given twice; links to the same file stay, each under its name."""
    first: dict[str, Input] = {}
    for item in inputs:
        first.setdefault(item.path if item.is_stdin else os.path.abspath(item.path), item)
    return list(first.values())
