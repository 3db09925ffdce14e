"""The layout that docs/architecture.md describes: imports go down, the first level stays short, files stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'hcl_arch'
FILES = sorted(PACKAGE.rglob('*.py'))

# From the ground up. A room imports only from rooms before it; rooms of one group do not import from each other.
ROOMS = (
    'utils', 'archs', 'data', 'metrics', 'training', 'losses', 'models', 'option_checks', 'plugin', 'model_files',
    'restoration', 'commands', 'integrations', ('train', 'test'), '__init__', '__main__',
)  # fmt: skip
# The same inside two rooms: sub-rooms and the files beside them. A name that is not listed is of the group `ON_TOP`.
ON_TOP = 'on top'
SUB_ROOMS = {
    'archs': ('layers', ('image_form', 'blind_restoration', 'registry'), 'hcl', ON_TOP, 'baselines', '__init__'),
    'data': ('storage', ('square_crop', 'weighted_choice'), 'masks', 'corruptions', ON_TOP, '__init__'),
}
# Imports that go up all the same: (importing module, imported module) -> reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}

MOST_ENTRIES = 19
MOST_LINES = 400


class Import(NamedTuple):
    """An import of a module of this package by another, at the top of a file or inside a function."""

    source: str
    """The importing module, without `hcl_arch.`; a package is its `__init__`."""
    target: str
    """The imported module, in the same form."""
    place: str
    """File and line."""


def module_of(file: Path) -> str:
    return '.'.join(file.relative_to(PACKAGE).with_suffix('').parts)


MODULES = {module_of(file) for file in FILES}


def imports_of(file: Path) -> Iterator[Import]:
    """Yield what a file imports of this package."""
    for node in ast.walk(ast.parse(file.read_text('utf-8'))):
        for name in _names(node, file):
            target = _module_named(name)
            if target is not None:
                yield Import(module_of(file), target, f'{file.relative_to(PACKAGE.parent)}:{node.lineno}')


def _names(node: ast.AST, file: Path) -> Iterator[str]:
    """Yield the full names that a statement imports: `a.b.c` of `from a.b import c` and of `import a.b.c`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = file.relative_to(PACKAGE.parent).parent.parts
        base = list(package[: len(package) - node.level + 1]) if node.level else []
        yield from ('.'.join([*base, *(node.module or '').split('.'), alias.name]) for alias in node.names)


def _module_named(name: str) -> str | None:
    """The module that a full name leads to: itself, or the longest part of it that is one. None for other packages."""
    top, *parts = name.split('.')
    if top != PACKAGE.name:
        return None
    for length in range(len(parts), -1, -1):
        for module in ('.'.join(parts[:length]), '.'.join([*parts[:length], '__init__'])):
            if module in MODULES:
                return module
    raise AssertionError(f'{name}: no such module')


IMPORTS = [found for file in FILES for found in imports_of(file)]


def ranks(order: tuple[str | tuple[str, ...], ...]) -> dict[str, int]:
    """Name -> place in an order whose places hold one name or several."""
    return {
        name: place for place, names in enumerate(order) for name in ((names,) if isinstance(names, str) else names)
    }


def test_every_room_is_in_the_order() -> None:
    assert {module.partition('.')[0] for module in MODULES} == set(ranks(ROOMS))
    for room, order in SUB_ROOMS.items():
        assert set(ranks(order)) - {ON_TOP} <= {module.split('.')[1] for module in MODULES if module.startswith(room)}


def test_rooms_import_only_downwards() -> None:
    rank = ranks(ROOMS)
    upward = []
    for found in IMPORTS:
        source, target = (module.partition('.')[0] for module in found[:2])
        if source != target and rank[target] >= rank[source] and found[:2] not in EXCEPTIONS:
            upward.append(f'{found.place} imports {found.target}')
    assert upward == []


@pytest.mark.parametrize('room', SUB_ROOMS)
def test_sub_rooms_import_only_downwards(room: str) -> None:
    rank = ranks(SUB_ROOMS[room])
    upward = []
    for found in IMPORTS:
        source, target = (module.split('.') for module in found[:2])
        if source[0] != room or target[0] != room or source[1] == target[1]:
            continue
        places = [rank.get(module[1], rank[ON_TOP]) for module in (target, source)]
        both_on_top = places[0] == places[1] == rank[ON_TOP]
        if not both_on_top and places[0] >= places[1] and found[:2] not in EXCEPTIONS:
            upward.append(f'{found.place} imports {found.target}')
    assert upward == []


def test_exceptions_are_needed() -> None:
    """One that nobody makes use of any more goes."""
    assert set(EXCEPTIONS) <= {found[:2] for found in IMPORTS}


def test_first_level_is_short() -> None:
    entries = [entry.name for entry in PACKAGE.iterdir() if entry.name != '__pycache__']
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_files_are_small() -> None:
    lengths = {str(file.relative_to(PACKAGE)): len(file.read_text('utf-8').splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_imports_are_found() -> None:
    """Of a function, of a package, and of a name that a package defines itself."""
    edges = {found[:2] for found in IMPORTS}
    assert ('plugin.pipeline', 'option_checks.problems') in edges
    assert ('plugin.basicsr_import', 'plugin.compat') in edges
    assert ('models.hcl_model', 'archs.hcl_net_arch') in edges
    assert all(source in MODULES and target in MODULES for source, target in edges)
