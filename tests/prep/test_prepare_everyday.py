"""The script that lays out datasets/everyday, on a few photographs and on fonts made here."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
from basicsr.data import build_dataset

from hcl_arch.utils.option_file import read_option_file
from preparation import PreparationError
from preparation.laying_out import Entry, lay_out
from tests.prep.conftest import load_script

WriteImage = Callable[..., Path]
TreeState = dict[str, tuple[str, int]]
WEIGHTS = 'efficientnet-lite0-57934424.pth'
RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)


def write_font(path: Path, characters: dict[int, str], coloured: Sequence[str] = ()) -> None:
    """Write a font that has a square, a lower half of it and a triangle; the coloured ones are red with a blue half."""
    builders = pytest.importorskip('fontTools.fontBuilder')
    pens = pytest.importorskip('fontTools.pens.ttGlyphPen')
    outlines = {
        '.notdef': [(0, 0), (500, 0), (500, 1000), (0, 1000)],
        'square': [(0, 0), (1000, 0), (1000, 1000), (0, 1000)],
        'half': [(0, 0), (1000, 0), (1000, 500), (0, 500)],
        'triangle': [(0, 0), (1000, 0), (500, 1000)],
        'space': [],
    }
    builder = builders.FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap(characters)
    glyphs = {}
    for name, points in outlines.items():
        pen = pens.TTGlyphPen(None)
        for index, point in enumerate(points):
            (pen.lineTo if index else pen.moveTo)(point)
        if points:
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(outlines, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({'familyName': 'Made', 'styleName': 'Regular'})
    builder.setupOS2()
    builder.setupPost()
    if coloured:
        builder.setupCOLR({name: [('square', 0), ('half', 1)] for name in coloured})
        builder.setupCPAL([[RED, BLUE]])
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)


@pytest.fixture
def sources(tmp_path: Path, write_image: WriteImage) -> Path:
    """Two folders of photographs of the same name, masks, fonts and weights."""
    folder = tmp_path / 'given'
    for index, name in enumerate(
        ['a/train/0.jpg', 'a/train/1.jpg', 'a/train/sub/0.jpg', 'b/train/0.jpg', 'b/train/2.png']
    ):
        write_image(folder / name, index)
    (folder / 'a' / 'train' / 'notes.txt').write_text('')
    for index in range(2):
        mask = np.zeros((48, 64), np.uint8)
        mask[8:30, 10 * index : 30] = 255
        (folder / 'masks' / 'thin').mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / 'masks' / 'thin' / f'{index}.png'), mask)
    for name in ('x/Some-Bold.ttf', 'DejaVuSans.ttf', 'x/dejavu-serif.otf'):
        write_font(folder / 'fonts' / name, {0x41: 'square'})
    # Two codes for one picture, and a picture that is empty.
    write_font(
        folder / 'signs.ttf', {0xF000: 'square', 0xF001: 'triangle', 0xF002: 'square', 0xF003: 'space', 0x41: 'half'}
    )
    write_font(folder / 'emoji.ttf', {0x1F600: 'triangle', 0x2600: 'square'}, coloured=['triangle'])
    (folder / WEIGHTS).write_bytes(b'weights')
    return folder


@pytest.fixture
def main(repository: Path) -> Callable[[Sequence[str]], None]:
    return load_script(repository, 'prepare_everyday').main  # type: ignore[no-any-return]


Main = Callable[[Sequence[str]], None]


def photos_only(sources: Path, output: Path, *more: str) -> list[str]:
    return [str(output), '--photos', str(sources / 'a' / 'train'), str(sources / 'b' / 'train'), *more]


def everything(sources: Path, output: Path, *more: str) -> list[str]:
    return photos_only(
        sources,
        output,
        '--held',
        '1',
        '--masks',
        str(sources / 'masks'),
        '--fonts',
        str(sources / 'fonts'),
        '--emoji',
        str(sources / 'emoji.ttf'),
        '--signs',
        str(sources / 'signs.ttf'),
        '--backbone-weights',
        str(sources / WEIGHTS),
        *more,
    )


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


def test_layout(
    sources: Path,
    tmp_path: Path,
    main: Main,
    tree_state: Callable[[Path], TreeState],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = tree_state(sources)
    output = tmp_path / 'datasets' / 'everyday'
    main(everything(sources, output))
    files = files_of(output)
    photographs = {'train/0.jpg', 'train/1.jpg', 'train/sub/0.jpg', 'train-2/0.jpg', 'train-2/2.png'}
    found = [name.split('/', 1) for name in files if name.startswith(('photos/', 'held/'))]
    assert {name for _, name in found} == photographs
    assert [folder for folder, _ in found].count('held') == 1
    assert files - {'/'.join(parts) for parts in found} == {
        'masks/thin/0.png',
        'masks/thin/1.png',
        'fonts/fonts/x/Some-Bold.ttf',
        'pictures/emoji_1f600.png',
        'pictures/sign_f000.png',
        'pictures/sign_f001.png',
        WEIGHTS,
        '.prepare.json',
    }
    for name in files - {WEIGHTS, '.prepare.json'}:
        assert (output / name).is_symlink() == (not name.startswith('pictures/'))
    assert os.readlink(output / 'masks' / 'thin' / '0.png') == str(sources / 'masks' / 'thin' / '0.png')
    assert not (output / WEIGHTS).is_symlink()
    record = json.loads((output / '.prepare.json').read_text())
    assert record['written_count'] == len(files) - 1
    assert record['settings'] == {'data set': 'everyday', 'seed': 0, 'held': 1, 'copy': False}
    assert tree_state(sources) == before
    out = capsys.readouterr().out
    assert 'photographs: 4 to train on, 1 held' in out
    assert 'fonts: 1, and 2 of DejaVu' in out
    assert 'No ' not in out


def test_the_second_run_changes_nothing(
    sources: Path,
    tmp_path: Path,
    main: Main,
    tree_state: Callable[[Path], TreeState],
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(photos_only(sources, tmp_path / 'out', '--held', '1'))
    before = tree_state(tmp_path / 'out')
    main(photos_only(sources, tmp_path / 'out', '--held', '1'))
    assert 'already done' in capsys.readouterr().out
    assert tree_state(tmp_path / 'out') == before
    for more, message in (
        (['--copy'], 'copy: False there, True now'),
        (['--seed', '1'], 'seed: 0 there, 1 now'),
        (['--held', '2'], 'held: 1 there, 2 now'),
    ):
        with pytest.raises(SystemExit, match=f'Error: .*{message}'):
            main(photos_only(sources, tmp_path / 'out', '--held', '1', *more))
    (sources / 'b' / 'train' / '2.png').unlink()
    with pytest.raises(SystemExit, match='other source files'):
        main(photos_only(sources, tmp_path / 'out', '--held', '1'))
    assert tree_state(tmp_path / 'out').keys() == before.keys() - {name for name in before if name.endswith('2.png')}


def test_copies(sources: Path, tmp_path: Path, main: Main) -> None:
    main(everything(sources, tmp_path / 'out', '--copy'))
    assert not any(path.is_symlink() for path in (tmp_path / 'out').rglob('*'))
    assert (tmp_path / 'out' / WEIGHTS).read_bytes() == b'weights'
    masks = [folder / 'masks' / 'thin' / '1.png' for folder in (tmp_path / 'out', sources)]
    assert masks[0].read_bytes() == masks[1].read_bytes()


@pytest.mark.slow
def test_interrupted(
    sources: Path,
    tmp_path: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    tree_state: Callable[[Path], TreeState],
) -> None:
    """What is gone on with is what one run makes."""
    script: Any = load_script(repository, 'prepare_everyday')
    script.main(everything(sources, tmp_path / 'whole'))

    def stop(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(script, 'png_of', stop)
        with pytest.raises(SystemExit) as end:
            script.main(everything(sources, tmp_path / 'out'))
    assert end.value.code == 130
    assert not (tmp_path / 'out').exists()
    assert (tmp_path / 'out.unfinished' / 'content' / 'masks').is_dir()
    with pytest.raises(SystemExit, match='seed: 0 there, 3 now'):
        script.main(everything(sources, tmp_path / 'out', '--seed', '3'))
    script.main(everything(sources, tmp_path / 'out'))
    digests = [
        {name: digest for name, (digest, _) in tree_state(tmp_path / folder).items() if name[0] != '.'}
        for folder in ('out', 'whole')
    ]
    assert digests[0] == digests[1]
    assert not (tmp_path / 'out.unfinished').exists()


@pytest.mark.parametrize(
    ('more', 'passing'),
    [
        ([], {'train/0.jpg', 'train-2/0.jpg'}),
        (['--most-text', '0.004'], {'train/0.jpg', 'train/1.jpg', 'train-2/0.jpg'}),
        (['--most-plain-sides', '1'], {'train/0.jpg', 'train-2/0.jpg', 'train-2/2.png'}),
    ],
)
def test_screen(
    sources: Path, tmp_path: Path, main: Main, more: list[str], passing: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """a/train/sub/0.jpg is not listed: its whole name is not, though 'train/0.jpg' is the end of another one's."""
    screen = tmp_path / 'screen.csv'
    screen.write_text(
        'path,text_share,plain_sides\na/train/0.jpg,0.003,0\na/train/1.jpg,0.0031,0\ntrain/0.jpg,0,0\n'
        'b/train/2.png,0.0,1\n'
    )
    main(photos_only(sources, tmp_path / 'out', '--screen', str(screen), *more))
    assert {name.removeprefix('photos/') for name in files_of(tmp_path / 'out')} == {*passing, '.prepare.json'}
    assert f'{len(passing)} of 5 photographs pass, {4 - len(passing)} do not, 1 are not listed' in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (
            'path,text_share\n',
            "expected the columns path, text_share, plain_sides in the first line, found no 'plain_side",
        ),
        ('', "found no 'path'"),
        ('path,text_share,plain_sides\na,0,0\nb,much,0\n', "line 3: expected a path and two numbers, found 'b,much,0'"),
        ('path,text_share,plain_sides\nb\n', "line 2: expected a path and two numbers, found 'b,None,None'"),
        ('path,text_share,plain_sides\nx.jpg,0,0\n', 'expected photographs of --photos that pass, found none'),
    ],
)
def test_wrong_screens(sources: Path, tmp_path: Path, main: Main, text: str, message: str) -> None:
    screen = tmp_path / 'screen.csv'
    screen.write_text(text)
    with pytest.raises(SystemExit, match=f'Error: .*{message}'):
        main(photos_only(sources, tmp_path / 'out', '--screen', str(screen)))
    assert not (tmp_path / 'out').exists()


def test_held_photographs_are_drawn_by_the_seed(tmp_path: Path, main: Main, write_image: WriteImage) -> None:
    for index in range(20):
        write_image(tmp_path / 'photos' / f'{index:02d}.png', index)
    drawn = []
    for run, seed in enumerate((0, 0, 1)):
        output = tmp_path / str(run)
        main([str(output), '--photos', str(tmp_path / 'photos'), '--held', '6', '--seed', str(seed)])
        held, kept = ({path.name for path in (output / part).rglob('*.png')} for part in ('held', 'photos'))
        assert (len(held), len(kept), held & kept) == (6, 14, set())
        drawn.append(held)
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_photograph_of_two_folders_is_taken_once(
    sources: Path, tmp_path: Path, main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else it could be trained on and set aside at once."""
    main([str(tmp_path / 'out'), '--photos', str(sources / 'a'), str(sources / 'a' / 'train')])
    assert {name for name in files_of(tmp_path / 'out') if name[0] != '.'} == {
        f'photos/a/train/{name}' for name in ('0.jpg', '1.jpg', 'sub/0.jpg')
    }
    assert 'taken once: 3' in capsys.readouterr().out


def test_pictures_have_their_colours_up_to_the_edges(sources: Path, tmp_path: Path, main: Main) -> None:
    """Edges are transparent, not dark."""
    main(everything(sources, tmp_path / 'out'))
    pictures = tmp_path / 'out' / 'pictures'
    emoji = cv2.imread(str(pictures / 'emoji_1f600.png'), cv2.IMREAD_UNCHANGED)
    assert emoji.shape == (109, 109, 4)
    assert emoji[20, 50].tolist() == [0, 0, 255, 255]  # BGR: red above
    assert emoji[90, 50].tolist() == [255, 0, 0, 255]  # blue below
    sign = cv2.imread(str(pictures / 'sign_f001.png'), cv2.IMREAD_UNCHANGED)
    assert sign.shape[2] == 4
    assert abs(sign.shape[0] - 120) <= 2
    visible = sign[sign[..., 3] > 64]
    assert np.ptp(visible[:, :3].astype(int), axis=0).max() <= 4
    assert {0, 255} < set(sign[..., 3].ravel().tolist())
    assert sign[5, 5, 3] == 0  # beside the top of the triangle


def test_colours_of_signs(repository: Path) -> None:
    script: Any = load_script(repository, 'prepare_everyday')
    colours = [script.sign_colour(np.random.default_rng([0, code])) for code in range(0xF000, 0xF200)]
    assert 0.3 < colours.count((0, 0, 0)) / len(colours) < 0.5
    assert 0.2 < colours.count((255, 255, 255)) / len(colours) < 0.4
    assert len(set(colours)) > 100


def test_mistakes(sources: Path, tmp_path: Path, main: Main) -> None:
    output = tmp_path / 'out'
    (tmp_path / 'empty').mkdir()
    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / 'mine.txt').write_text('mine')
    for arguments, message in [
        (photos_only(sources, output, '--held', '5'), '--held: expected less than the 5 photographs, got 5'),
        (photos_only(sources, output, '--masks', str(tmp_path / 'empty')), 'expected images .*, found an empty folder'),
        (photos_only(sources, output, '--fonts', str(sources / 'masks')), 'expected fonts .*, found none'),
        (photos_only(sources, output, '--emoji', str(sources / 'signs.ttf')), 'expected a font of coloured emoji'),
        (photos_only(sources, output, '--signs', str(sources / 'emoji.ttf')), r'found no character from U\+E000'),
        (photos_only(sources, output, '--signs', str(sources / WEIGHTS)), 'expected a font that has 120 pixels'),
        (photos_only(sources, output, '--signs', str(tmp_path / 'no.ttf')), 'expected a font, found no file there'),
        (photos_only(sources, output, '--backbone-weights', str(tmp_path / 'no.pth')), 'No such file'),
        (photos_only(sources, sources / 'a' / 'train' / 'out'), 'one inside the other'),
        (photos_only(sources, foreign), 'found a folder without .prepare.json'),
        (photos_only(sources, foreign / 'mine.txt'), 'expected a new path or a folder, found a file'),
        ([str(output), '--photos', str(tmp_path / 'nowhere')], 'expected a folder of images, found nothing'),
    ]:
        with pytest.raises(SystemExit, match=f'Error: .*{message}'):
            main(arguments)
        assert not output.exists()
    assert (foreign / 'mine.txt').read_text() == 'mine'


def test_what_is_missing_is_named(
    sources: Path, tmp_path: Path, main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    main(photos_only(sources, tmp_path / 'out'))
    out = capsys.readouterr().out
    assert [line.split(':')[0] for line in out.splitlines() if line.startswith('No ')] == [
        'No masks',
        'No fonts',
        'No pictures',
        'No weights',
    ]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    entries = [Entry('a.png', 'x/a.png'), Entry('a.png', 'y/a.png')]
    with pytest.raises(PreparationError, match=r"would get the name 'a.png': x/a.png and y/a.png"):
        lay_out(entries, str(tmp_path / 'out'), settings={})
    with pytest.raises(PreparationError, match='expected files to lay out, got none'):
        lay_out([], str(tmp_path / 'out'), settings={})


def test_the_option_file_reads_it(
    sources: Path, tmp_path: Path, main: Main, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(everything(sources, Path('datasets/everyday')))
    options = read_option_file(repository / 'options' / 'train' / 'train_hcl_small_first.yml')
    assert Path(options['network_g']['backbone_weights']).is_file()
    data = {**options['datasets']['train'], 'phase': 'train', 'gt_size': 48, 'batch_size_per_gpu': 1}
    kinds = ('stickers', 'single_mark', 'captions', 'hard_paste', 'clean')
    data['corruptions'] = {kind: data['corruptions'][kind] for kind in kinds}
    samples = build_dataset(data)
    assert len(samples) == 4
    assert {tuple(samples[index % 4]['lq'].shape) for index in range(12)} == {(3, 48, 48)}
