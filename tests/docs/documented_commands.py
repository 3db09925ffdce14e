"""The commands that the documentation tells its readers to type, and its other code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / 'README.md',
    REPOSITORY / 'CONTRIBUTING.md',
    REPOSITORY / 'CHANGELOG.md',
    REPOSITORY / 'SECURITY.md',
    *sorted((REPOSITORY / 'docs').glob('*.md')),
    REPOSITORY / 'datasets_prep' / 'README.md',
    REPOSITORY / 'hcl_arch' / 'weights' / 'README.md',
    REPOSITORY / 'integrations' / 'comfyui' / 'README.md',
]
OPTION_FILES = sorted((REPOSITORY / 'options').rglob('*.yml'))
# What the fences of code blocks may be marked with; a fence without a mark holds commands.
SHELL, PYTHON, YAML = ('', 'bash'), 'python', 'yaml'

_FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```', re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r'`([^`\n]+)`')
# A program with arguments: the names of programs alone stand in sentences.
_PROGRAM = r'(?:[\w./-]*/)?(?:hcl-[\w-]+|python|torchrun|pip|make|find|prepare_\w+\.py|tar|mkdir)'
_COMMAND = re.compile(rf'(?:[A-Z_]+=\S+ )*{_PROGRAM} +\S.*')
# In the head of an option file: a line of its own, or behind the sentence that it belongs to; a remark in brackets may
# follow.
_USAGE = re.compile(r'(?:^# +|: |`)((?:hcl-[\w-]+|python|torchrun|make) [^`\n]*?)(?: {2,}\(.*\)|`.*)?$', re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of code."""

    place: str
    """Page and line, such as README.md:10."""
    language: str
    text: str
    """Without the fence's indentation."""


class Command(NamedTuple):
    """A command, wherever it is given."""

    text: str
    """Without comment; lines that belong together are kept together."""
    places: tuple[str, ...]

    def __str__(self) -> str:
        """Name of the test case."""
        return f'{self.places[0]} {self.text}'


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, those inside lists too."""
    content = page.read_text('utf-8')
    for found in _FENCE.finditer(content):
        indent, text = found['indent'], found['text']
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        yield Block(_place(page, content, found.start()), found['language'], '\n'.join(lines))


def inline_code_of(page: Path) -> Iterator[tuple[str, str]]:
    """Yield place and text of all code inside sentences."""
    content = page.read_text('utf-8')
    # The blocks make room for as many line breaks, so that lines keep their numbers.
    prose = _FENCE.sub(lambda block: '\n' * block[0].count('\n'), content)
    for found in _INLINE.finditer(prose):
        yield _place(page, prose, found.start()), found[1]


def commands_of_shell(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each command: comments go, a loop is one command, continued lines are joined."""
    begun, begin = '', 0
    for number, line in enumerate(text.splitlines()):
        code = re.sub(r'(?:^|\s+)#.*$', '', line).rstrip()
        if not code.strip():
            continue
        begin = begin if begun else number
        begun = f'{begun[:-1].rstrip()} {code.strip()}' if begun.endswith('\\') else f'{begun}\n{code}'.strip('\n')
        if not begun.endswith('\\') and _is_whole(begun):
            yield begin, begun
            begun = ''
    assert not begun, f'a loop or line without an end: {begun}'


def _is_whole(code: str) -> bool:
    return len(re.findall(r'\bdo\b', code)) == len(re.findall(r'\bdone\b', code))


def usage_lines(option_file: Path) -> Iterator[tuple[str, str]]:
    """Yield place and text of the commands in the comment at the head of an option file."""
    content = option_file.read_text('utf-8')
    head = re.match(r'(?:#[^\n]*\n)*', content)
    assert head is not None
    for found in _USAGE.finditer(head[0]):
        yield _place(option_file, content, found.start(1)), found[1].strip()


def all_commands() -> list[Command]:
    """All commands of the pages and of the option files, each once, in the order in which they first appear."""
    places: dict[str, list[str]] = {}
    for page in PAGES:
        for place, text in _commands_on(page):
            places.setdefault(text, []).append(place)
    for option_file in OPTION_FILES:
        for place, text in usage_lines(option_file):
            places.setdefault(text, []).append(place)
    return [Command(text, tuple(found)) for text, found in places.items()]


def typed_on(page: Path) -> list[Command]:
    """The commands in the blocks of a page, in the order in which a reader types them."""
    found = []
    for block in blocks_of(page):
        if block.language in SHELL:
            name, line = block.place.rsplit(':', 1)
            for number, text in commands_of_shell(block.text):
                found.append(Command(text, (f'{name}:{int(line) + 1 + number}',)))
    return found


def _commands_on(page: Path) -> Iterator[tuple[str, str]]:
    for command in typed_on(page):
        yield command.places[0], command.text
    for place, text in inline_code_of(page):
        if _COMMAND.fullmatch(text):
            yield place, text


def _place(file: Path, content: str, position: int) -> str:
    number = content.count('\n', 0, position) + 1
    return f'{file.relative_to(REPOSITORY)}:{number}'
