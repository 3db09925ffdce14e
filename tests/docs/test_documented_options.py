"""docs/restore.md and `hcl-restore --help` know the same options, and those of the page's table do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hcl_arch.commands.restore import main
from tests.docs import example_files
from tests.docs.documented_commands import REPOSITORY, blocks_of
from tests.docs.workplace import Call, Workplace

PAGE = REPOSITORY / 'docs' / 'restore.md'
OPTION = re.compile(r'(?<![\w-])--[a-z][\w-]*')
# Of the table "to | option": each cell's first piece of code, and what follows in it.
ROWS = re.findall(r'^\| [^|`]+ \| (`[^|]+) \|$', PAGE.read_text('utf-8'), re.MULTILINE)
CODES = [code for row in ROWS for code in re.findall(r'`(-[^`]+)`', row)]
OUTPUTS = {'--save': 'photo_overlay.png', '--json': '../summary.json'}


def help_of(program: str, workplace: Workplace) -> str:
    return workplace.make(Call(program, '', '', ['--help'])).out


PROGRAMS = ('hcl-restore', 'hcl-export', 'hcl-app', 'hcl-serve')


def test_every_option_of_the_page_exists(workplace: Workplace) -> None:
    """Those of other programs are in blocks that call these."""
    known = {program: set(OPTION.findall(help_of(program, workplace))) for program in PROGRAMS}
    text = PAGE.read_text('utf-8')
    for block in blocks_of(PAGE):
        for line in block.text.splitlines():
            program = line.split()[0] if line.strip() else ''
            if program != 'curl':
                assert set(OPTION.findall(line)) <= known.get(program, set()), f'{block.place}: {line}'
        text = text.replace(block.text, '')
    assert set(OPTION.findall(text)) <= set.union(*known.values())


def test_the_table_is_there() -> None:
    assert len(CODES) >= 9


@pytest.mark.parametrize('code', CODES)
def test_option_of_the_table(code: str, workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its example value; NAME stands for the name of a model."""
    if code.startswith('--runtime'):  # of the packaged model itself; the tiny one of its name has no graphs
        monkeypatch.setenv('HCL_MODELS', str(Path.home()))
    example_files.photographs()
    photo = example_files.write_erased() if code == '--mask alpha' else 'photo.jpg'
    assert main([photo, '--device', 'cpu', *shlex.split(code.replace('NAME', 'small'))]) == 0
    option = code.split()[0]
    if option in ('--list-models', '--dry-run'):
        assert not Path('restored').exists()
    else:
        assert (Path('restored') / photo).is_file() or '--save' in code
        assert (Path('restored') / OUTPUTS.get(option, f'{Path(photo).stem}_mask.png')).is_file() or '--save' in code
    if option == '--save':
        kinds, _, mask_name = code.replace('-by-', '_by_').partition(' --mask-name ')
        named = {'same': 'photo.png', 'lama': 'photo_mask001.png', '': 'photo_mask.png'}
        names = {'alpha': 'photo_alpha.tif', 'mask': named[mask_name]}
        assert sorted(path.name for path in Path('restored').iterdir()) == sorted(
            names.get(kind, f'photo_{kind}.png') for kind in kinds.split()[1:]
        )


def test_limits_of_the_readers(workplace: Workplace) -> None:
    """The formats that the page names are those that are read and written."""
    from hcl_arch.restoration.photographs.photograph import SUFFIXES

    listed = re.search(r'^## Photographs\n\n([^;]*);', PAGE.read_text('utf-8'), re.MULTILINE)
    assert listed is not None
    named = set(re.findall(r'\w+', listed[1])) - {'and', '2000'}
    assert named == {'AVIF', 'BMP', 'GIF', 'HEIC', 'JPEG', 'PNG', 'TIFF', 'WebP'}
    assert {name.lower() for name in named} <= {suffix.lstrip('.') for suffix in SUFFIXES}
    assert '.jp2' in SUFFIXES
