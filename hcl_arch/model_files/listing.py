"""Named models: those of the package and those in the user's folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Optional

from hcl_arch.model_files.description import from_metadata
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.graphs import find_graphs
from hcl_arch.model_files.safetensors_file import SUFFIX, read_header
from hcl_arch.utils.model_folders import PACKAGE_FOLDER, user_folder

_LONGEST_DESCRIPTION = 100


class ModelEntry(NamedTuple):
    """A named model."""

    name: str
    """The file's name without its suffix."""
    path: Path
    """The file."""
    source: Literal['package', 'user']
    """Whose folder it is in."""
    size: int
    """In bytes; 0 if the file cannot be asked for."""
    description: str
    """One line, of the file; empty if it has none."""
    problem: Optional[str] = None
    """Why the file cannot be used; None if it can, as far as its header tells."""
    hides: Optional[Path] = None
    """The package's model of the same name, which this one of the user's takes the place of."""
    runtimes: tuple[str, ...] = ('torch',)
    """What can compute it, as ``hcl-restore --runtime`` names it."""


def list_models() -> list[ModelEntry]:
    """All named models, sorted by name; of two with the same name, the user's is listed.

    Only headers of files are read. A file that cannot be used is listed with its problem.
    """
    package = {path.stem: path for path in _files(PACKAGE_FOLDER)}
    user = {path.stem: path for path in _files(user_folder())}
    entries = [_entry(path, 'user', package.get(name)) for name, path in user.items()]
    entries.extend(_entry(path, 'package', None) for name, path in package.items() if name not in user)
    return sorted(entries)


def find_model(name: str) -> Path:
    """The file of a model by its name.

    Raises:
        ModelFileError: There is none; the message lists the existing ones and the nearest.
    """
    known = {path.stem: path for folder in (PACKAGE_FOLDER, user_folder()) for path in _files(folder)}
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ''
    if Path(name).exists():
        hint = f' For the file of that name write {os.path.join(".", name)}.'
    raise ModelFileError(
        f'there is no model named {name!r}; known: {", ".join(sorted(known)) or "none"} (in the package and in '
        f'{user_folder()}).{hint}'
    )


def model_line(entry: ModelEntry) -> str:
    """An entry of the list, on one line."""
    size = f'{entry.size / 2**20:.1f} MiB' if entry.size >= 2**20 else f'{entry.size / 2**10:.0f} KiB'
    text = f'UNREADABLE: {entry.problem}' if entry.problem else entry.description or '(no description)'
    hides = ' [in the place of the one in the package]' if entry.hides else ''
    where = 'in the package' if entry.source == 'package' else str(entry.path)
    runtimes = '' if entry.problem else f'  {", ".join(entry.runtimes)}'
    return f'{entry.name}  {size}  {where}{hides}{runtimes}  {text}'


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and not path.name.startswith('.'))
    except OSError:  # it does not exist or is not readable
        return []


def _entry(path: Path, source: Literal['package', 'user'], hides: Optional[Path]) -> ModelEntry:
    try:
        header = read_header(path)
        network, info = from_metadata(path, header.metadata)
        runtimes = ('torch',) if find_graphs(path, network) is None else ('torch', 'onnx')
    except ModelFileError as error:
        return ModelEntry(path.stem, path, source, _size(path), '', str(error), hides)
    return ModelEntry(path.stem, path, source, header.size, _one_line(info), None, hides, runtimes)


def _one_line(info: Mapping[str, object]) -> str:
    """The description as one line of printable characters, for terminals."""
    text = ' '.join(str(info.get('description', '')).split())
    text = ''.join(character for character in text if character.isprintable())
    return text if len(text) <= _LONGEST_DESCRIPTION else f'{text[:_LONGEST_DESCRIPTION]} ...'


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
