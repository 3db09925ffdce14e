"""The README as the package index shows it: no link leads nowhere."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
import setuptools

from tests.docs.workplace import entry_points, load_script

PAGE = (
    '# A\n\n![Before and after](docs/a.jpg)\n\n*Before and after.*\n\nSee [docs/b.md](docs/b.md), '
    '[all figures](docs/b.md#f),\n[BasicSR](https://example.org/x) and [below](#a).\n'
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """setup.py, which sets nothing up here."""
    monkeypatch.setattr(setuptools, 'setup', lambda **_: None)
    return load_script('setup.py')


def test_unpublished(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, 'REPOSITORY', '')
    assert script._for_the_index(PAGE) == (
        '# A\n\nSee `docs/b.md`, all figures (`docs/b.md`),\n[BasicSR](https://example.org/x) and [below](#a).\n'
    )


def test_published(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, 'REPOSITORY', 'https://example.org/o/r')
    assert script._for_the_index(PAGE) == (
        '# A\n\n![Before and after](https://example.org/o/r/raw/HEAD/docs/a.jpg)\n\n*Before and after.*\n\n'
        'See [docs/b.md](https://example.org/o/r/blob/HEAD/docs/b.md), '
        '[all figures](https://example.org/o/r/blob/HEAD/docs/b.md#f),\n'
        '[BasicSR](https://example.org/x) and [below](#a).\n'
    )


@pytest.mark.parametrize('address', ['', 'https://example.org/o/r'])
def test_the_readme_itself(address: str, script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, 'REPOSITORY', address)
    targets = re.findall(r'\]\(([^)]+)\)', script.read_long_description())
    assert targets
    assert all(target.startswith('https://') for target in targets)


def test_author_and_supported_versions_are_stated_alike(script: ModuleType) -> None:
    cited = (script.ROOT / 'CITATION.cff').read_text('utf-8')
    said = (script.ROOT / 'setup.py').read_text('utf-8')
    (author,) = re.findall(r"author='(.*)'", said)
    assert f'name: {author}\n' in cited
    assert "python_requires='>=3.9,<3.13'" in said
    assert 'Python 3.9 to 3.12' in (script.ROOT / 'README.md').read_text('utf-8')


def test_setup_ends_with_what_can_be_typed(script: ModuleType) -> None:
    makefile = (script.ROOT / 'Makefile').read_text('utf-8')
    recipe = makefile.partition('$(READY): ')[2].partition('\n\n')[0]
    typed = [line.split() for line in re.findall(r"@echo '  (.*)'", recipe)]
    assert [line[0] for line in typed] == ['$(BIN)/hcl-restore', '$(BIN)/hcl-app', 'make']
    assert {name.removeprefix('$(BIN)/') for name, *_ in typed[:2]} <= set(entry_points())
    assert (script.ROOT / typed[0][1]).is_file()
    assert re.search(rf'^{typed[2][1]}: setup$', makefile, re.MULTILINE)
    assert recipe.rstrip().endswith(typed[2][-1] + "'")
