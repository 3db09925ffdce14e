"""`hcl-restore --shard I/N`: N runs do each photograph once, with the names of one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.shard import Shard


def test_the_parts_make_the_whole(command, make_photo, tree) -> None:
    """Also where names are told apart by what lies in another part."""
    for index in range(20):
        make_photo(f'set/{index % 3}/{index}.png')
    make_photo('set/0/0.jpg')
    assert command('set', '-o', 'all').status == 0
    done = 0
    for number in (1, 2, 3):
        outcome = command('set', '-o', 'parts', '--shard', f'{number}/3')
        assert outcome.status == 0
        assert outcome.restorer.calls
        done += len(outcome.restorer.calls)
    assert done == 21
    whole = [name.removeprefix('all/') for name in tree() if name.startswith('all/')]
    assert whole == [name.removeprefix('parts/') for name in tree() if name.startswith('parts/')]
    for name in whole:
        assert Path('all', name).read_bytes() == Path('parts', name).read_bytes()


def test_an_empty_part_is_no_failure(command, make_photo) -> None:
    make_photo('set/a.png')
    outcomes = [command('set', '-o', 'out', '--shard', f'{number}/2') for number in (1, 2)]
    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert sum('Note: none of the photographs is of this part (--shard)' in outcome.lines for outcome in outcomes) == 1


def test_other_photographs_change_nothing() -> None:
    """The same in every version: runs of one job may be of several."""
    names = ['a.jpg', 'b.jpg', 'sub/c.jpg', 'ä.jpg', '\udcff.jpg']
    assert [next(number for number in range(1, 5) if Shard(number, 4).takes(name)) for name in names] == [3, 3, 1, 1, 1]


def test_parts_are_of_about_the_same_size() -> None:
    shards = [Shard(number, 8) for number in range(1, 9)]
    sizes = [sum(shard.takes(f'{index:06d}.jpg') for index in range(8000)) for shard in shards]
    assert sum(sizes) == 8000
    assert min(sizes) > 900  # 3 deviations of a draw by chance below 1000


def test_an_input_of_another_part_is_not_written_over(command, make_photo) -> None:
    make_photo('a.png')
    make_photo('set/a.png')
    for number in (1, 2):
        assert command('set', 'a.png', '-o', '.', '--overwrite', '--shard', f'{number}/2').status == 2


@pytest.mark.parametrize('text', ['0/3', '4/3', '3', '1/0', '-1/2', 'a/b', '1/2/3', ''])
def test_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(['a.png', f'--shard={text}'])
    assert f"expected I/N with I from 1 to N, such as 3/8, got '{text}'" in capsys.readouterr().err
