"""Links between the pages lead somewhere, and every page can be reached from README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.documented_commands import PAGES, REPOSITORY

_LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)\)')
_CODE = re.compile(r'```.*?```|`[^`\n]*`', re.DOTALL)
_HEADING = re.compile(r'^#{1,6} +(.*?) *#*$', re.MULTILINE)


def links_of(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links that lead to files or headings."""
    text = _CODE.sub('', page.read_text('utf-8'))
    for target in _LINK.findall(text):
        if not re.match(r'\w+://|mailto:', target):
            yield unquote(target)


def anchors_of(page: Path) -> set[str]:
    """The names under which GitHub reaches the page's headings."""
    text = re.sub(r'```.*?```', '', page.read_text('utf-8'), flags=re.DOTALL)
    names: dict[str, int] = {}
    anchors = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading)
        name = re.sub(r'[^\w\- ]', '', plain.lower()).replace(' ', '-')
        count = names[name] = names.get(name, -1) + 1
        anchors.add(f'{name}-{count}' if count else name)
    return anchors


def file_of(target: str, page: Path) -> Path:
    name = target.partition('#')[0]
    return (page.parent / name).resolve() if name else page


@pytest.mark.parametrize(('page', 'target'), [
    pytest.param(page, target, id=f'{page.relative_to(REPOSITORY)} {target}')
    for page in PAGES for target in dict.fromkeys(links_of(page))
])  # fmt: skip
def test_link(page: Path, target: str) -> None:
    file = file_of(target, page)
    assert file.exists(), f'{page.relative_to(REPOSITORY)} links to {target}, which is not there'
    assert REPOSITORY in (file, *file.parents), f'{target} leads out of the repository'
    _, _, anchor = target.partition('#')
    if anchor:
        assert anchor in anchors_of(file)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_pages = set(), [REPOSITORY / 'README.md']
    while open_pages:
        page = open_pages.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == '.md':
            open_pages += [file_of(target, page) for target in links_of(page)]
    assert {*PAGES, *(REPOSITORY / 'docs').glob('*.ipynb')} <= reached


def test_pages_of_the_table_are_linked_from_the_readme_itself() -> None:
    """results_small.md is one of train.md's."""
    linked = {file_of(target, REPOSITORY / 'README.md') for target in links_of(REPOSITORY / 'README.md')}
    pages = set((REPOSITORY / 'docs').glob('*.md')) - {REPOSITORY / 'docs' / 'results_small.md'}
    assert pages <= linked


def test_headings_as_github_names_them(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text('# A `b`, c-d: [e](f.md)?\n\n```bash\n# no heading\n```\n## Twice\n## Twice\n')
    assert anchors_of(page) == {'a-b-c-d-e', 'twice', 'twice-1'}
