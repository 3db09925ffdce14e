"""Every path and every dotted name that docs/architecture.md mentions exists."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

import hcl_arch
from tests.docs.documented_commands import REPOSITORY, inline_code_of
from tests.test_layout import ROOMS, ranks

PAGE = REPOSITORY / 'docs' / 'architecture.md'
TEXT = PAGE.read_text('utf-8')
PACKAGE = REPOSITORY / 'hcl_arch'
CODES = sorted({code for _, code in inline_code_of(PAGE)})
# A folder, or a file with its suffix; NAME stands for any name.
PATHS = [
    code for code in CODES if re.fullmatch(r'[\w.-]+(/[\w.-]*)+|\w+\.(py|md|yml|toml)', code) and 'NAME' not in code
]
# Of the first table: | paper | `file` | `name`, `name` |
ROWS = re.findall(r'^\| [^|]+ \| `([\w/]+\.py)` \| ([^|]+) \|$', TEXT, re.MULTILINE)
NAMES_IN_FILES = [(file, name) for file, names in ROWS for name in re.findall(r'`([\w.]+)`', names)]
_OF_FILES = {*PATHS, *(name for _, name in NAMES_IN_FILES)}
DOTTED = [code for code in CODES if re.fullmatch(r'\w+(\.\w+)+', code) and code not in _OF_FILES]
# Names that stand alone belong to what was named before; options, arguments and the like, and programs.
PLAIN = [code for code in CODES if re.fullmatch(r'[A-Za-z_]\w*', code)]


def found(name: str) -> Any:
    """What a dotted name leads to: a module, or something in one; relative to `hcl_arch`, or of BasicSR.

    Raises:
        AttributeError: There is no such thing.
    """
    parts = name.split('.')
    if parts[0] not in ('basicsr', 'hcl_arch'):
        parts.insert(0, 'hcl_arch')
    thing: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        try:
            thing = importlib.import_module('.'.join(parts[:number]))
        except ModuleNotFoundError:
            thing = getattr(thing, part)
    return thing


def test_paths() -> None:
    assert [path for path in PATHS if not ((PACKAGE / path).exists() or (REPOSITORY / path).exists())] == []


@pytest.mark.parametrize('name', DOTTED)
def test_dotted_name(name: str) -> None:
    found(name)


@pytest.mark.parametrize(('file', 'name'), NAMES_IN_FILES)
def test_name_of_the_first_table(file: str, name: str) -> None:
    """It is defined in the file, not only imported there."""
    module = file.removesuffix('.py').replace('/', '.')
    thing = found(f'{module}.{name}')
    assert getattr(thing, '__module__', f'hcl_arch.{module}') == f'hcl_arch.{module}'


def test_names_that_stand_alone() -> None:
    """They are words of the package's code."""
    words = set(re.findall(r'\w+', ' '.join(file.read_text('utf-8') for file in PACKAGE.rglob('*.py'))))
    assert [name for name in PLAIN if name not in words] == []


def test_the_page_names_things() -> None:
    assert len(PATHS) >= 50
    assert len(DOTTED) >= 60
    assert len(NAMES_IN_FILES) >= 50


def test_what_is_not_there_is_noticed() -> None:
    assert found('archs.hcl.encoder.Encoder').__module__ == 'hcl_arch.archs.hcl.encoder'
    assert found('hcl_arch') is hcl_arch
    for name in ('archs.hcl.encoder.Decoder', 'archs.no_such_module', 'basicsr.train.no_such_function'):
        with pytest.raises(AttributeError):
            found(name)


def listed_rooms() -> Iterator[str]:
    """The rooms of the numbered list, in its order."""
    section = TEXT.partition('## Rooms')[2].partition('\n## ')[0]
    for line in re.findall(r'^\d+\. (.*?):', section, re.MULTILINE):
        yield from (code.removesuffix('/').removesuffix('.py') for code in re.findall(r'`([\w./]+)`', line))


def test_rooms_are_those_of_the_layout() -> None:
    listed = list(listed_rooms())
    rank = ranks(ROOMS)
    assert set(listed) == set(rank)
    assert [rank[room] for room in listed] == sorted(rank.values())
