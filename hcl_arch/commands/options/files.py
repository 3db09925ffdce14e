"""The option files and preparation scripts: which there are, and copies of them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.regular_file import reason_of

_PACKAGE = Path(__file__).resolve().parents[2]
# Where setup.py puts them into a wheel, and a clone.
_ROOTS = (_PACKAGE / 'clone', _PACKAGE.parent)
_OPTIONS, _SCRIPTS = 'options', 'datasets_prep'
# What files of a folder refer to: the editor's schema of option files, the library of the scripts.
_BESIDE = {_OPTIONS: 'schema.json', _SCRIPTS: 'preparation/*.py'}
_REMARK = re.compile(r'# yaml-language-server:.*\n')


class FileError(HCLError, ValueError):
    """A file cannot be copied; one line that says why."""


def offered() -> dict[str, Path]:
    """The files by their names in a clone: options/train_hcl_places.yml, ..., datasets_prep/prepare_places.py.

    Raises:
        FileError: This installation has none.
    """
    root = next((root for root in _ROOTS if (root / _OPTIONS).is_dir() and (root / _SCRIPTS).is_dir()), None)
    if root is None:
        raise FileError(f'there are no option files in {_ROOTS[0]}: install hcl-arch again')
    found = [*(root / _OPTIONS).rglob('*.yml'), *(root / _SCRIPTS).glob('prepare_*.py')]
    return {path.relative_to(root).as_posix(): path for path in sorted(found)}


def listing() -> list[str]:
    """A line for each file: its name, and its own first line."""
    files = offered()
    width = max(map(len, files))
    return [f'{name:{width}}  {_first_line(path)}' for name, path in files.items()]


def copy_out(names: Sequence[str], folder: Path) -> list[str]:
    """Copy files, with what they refer to, into the folders that they have in a clone.

    Args:
        names: Of the files; their folders and endings may be left out.
        folder: For `options/` and `datasets_prep/`, which are made.

    Returns:
        A line for each of the files.

    Raises:
        FileError: There is no such file, or it is there already; then nothing is copied.
    """
    files = offered()
    chosen = [_chosen(name, files) for name in names]
    for name in chosen:
        if os.path.lexists(folder / name):
            raise FileError(f'{folder / name} is there already, and is left alone; for another folder: -o FOLDER')
    beside = dict(pair for name in chosen for pair in _beside(name, files[name]))
    for name, path in beside.items():
        target = folder / name
        if os.path.lexists(target) and not (target.is_file() and target.read_bytes() == path.read_bytes()):
            raise FileError(f'{target} is another one than that of this version; for another folder: -o FOLDER')
    for name, path in {**beside, **{name: files[name] for name in chosen}}.items():
        _copy(path, folder / name)
    return [str(folder / name) for name in chosen]


def _chosen(wanted: str, files: dict[str, Path]) -> str:
    name = wanted.removeprefix('./')
    for found, path in files.items():
        if name in (found, path.name, path.stem):
            return found
    nearest = difflib.get_close_matches(Path(name).stem, [path.stem for path in files.values()], n=3)
    hint = f'did you mean {" or ".join(nearest)}?' if nearest else 'hcl-options lists them'
    raise FileError(f'there is no file {wanted}: {hint}')


def _beside(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    top = name.partition('/')[0]
    root = path.parents[name.count('/')]
    for found in (root / top).glob(_BESIDE[top]):
        yield found.relative_to(root).as_posix(), found


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as file:
            file.write(source.read_bytes())
    except OSError as error:
        raise FileError(f'{target} cannot be written: {reason_of(error)}') from error


def _first_line(path: Path) -> str:
    return _REMARK.sub('', path.read_text('utf-8')).lstrip('#" ').partition('\n')[0].rstrip('.')
