"""Every script on a tiny tree of its data set's layout: a run that is killed in the middle, gone on with, compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from hcl_arch.data.storage.image_source import ImageSource

WriteImage = Callable[..., Path]
Main = Callable[[Sequence[str]], None]
LoadMain = Callable[[str], Main]
TreeState = dict[str, tuple[str, int]]
QUICK = ['--workers', '0', '--commit-every', '2', '--size', '40']


@dataclass
class Case:
    """A script on a small tree.

    Attributes:
        script: its name.
        source: folder that holds all that it reads.
        arguments: its arguments, with 'OUT' for the folder of outputs.
        outputs: keys of each output below that folder, in order.
        under_way: the output during which it is killed.
        blocking: source file on which it is caught then, the fourth of that output.
    """

    script: str
    source: Path
    arguments: list[str]
    outputs: dict[str, list[str]]
    under_way: str
    blocking: Path

    def command(self, out: Path, *more: str) -> list[str]:
        return [text.replace('OUT', str(out)) for text in self.arguments] + QUICK + list(more)


@pytest.fixture
def fill(tmp_path: Path, write_image: WriteImage) -> Callable[[str, Sequence[str]], Path]:
    """Function `(folder, names)` that writes an image for each name."""

    def write(folder: str, names: Sequence[str]) -> Path:
        for index, name in enumerate(names):
            write_image(tmp_path / folder / name, index, height=60, width=80)
        return tmp_path / folder

    return write


Fill = Callable[[str, Sequence[str]], Path]


@pytest.fixture
def images(fill: Fill) -> Case:
    source = fill('photos', [f'{index}.jpg' for index in range(5)] + ['sub.folder/a b.JPG', 'sub.folder/c.png'])
    (source / 'sub.folder' / 'broken.jpg').write_bytes(b'broken')
    (source / 'notes.txt').write_text('')
    keys = [*(f'{index}' for index in range(5)), 'sub_folder/a b', 'sub_folder/c']
    return Case(
        'prepare_images',
        source,
        [str(source), 'OUT/photos.lmdb'],
        {'photos.lmdb': keys},
        'photos.lmdb',
        source / '3.jpg',
    )


@pytest.fixture
def ffhq(fill: Fill) -> Case:
    numbers = [*range(4), 1000, 59999, 60000, 69999]
    source = fill('images1024x1024', [f'{number // 1000 * 1000:05d}/{number:05d}.png' for number in numbers])
    keys = [f'{number // 1000 * 1000:05d}/{number:05d}' for number in numbers]
    return Case(
        'prepare_ffhq',
        source,
        [str(source), 'OUT', '--allow-missing'],
        {'train.lmdb': keys[:6], 'val.lmdb': keys[6:]},
        'train.lmdb',
        source / '00000' / '00003.png',
    )


@pytest.fixture
def celebahq(fill: Fill, tmp_path: Path) -> Case:
    source = fill('CelebAMask-HQ/CelebA-HQ-img', [f'{number}.jpg' for number in range(12)]).parent
    # Face i was made of CelebA image 100 + 7 i: 0 to 7 of images below 150, 8 of 156, 9 to 11 of images from 163 on.
    mapping = [f'{number} {99 + 7 * number} {100 + 7 * number:06d}.jpg' for number in range(12)]
    (source / 'CelebA-HQ-to-CelebA-mapping.txt').write_text('idx   orig_idx   orig_file\n' + '\n'.join(mapping))
    partition = [f'{number:06d}.jpg {0 if number < 150 else 1 if number < 163 else 2}' for number in range(1, 201)]
    (source / 'list_eval_partition.txt').write_text('\n'.join(partition) + '\n')
    keys = [f'{number:05d}' for number in range(12)]
    arguments = [
        str(source / 'CelebA-HQ-img'),
        'OUT',
        '--partition',
        str(source / 'list_eval_partition.txt'),
        '--allow-missing',
    ]
    return Case(
        'prepare_celebahq',
        source,
        arguments,
        {
            'train.lmdb': keys[:8],
            'val.lmdb': keys[8:9],
            'test.lmdb': keys[9:],
        },
        'train.lmdb',
        source / 'CelebA-HQ-img' / '3.jpg',
    )


@pytest.fixture
def imagenet(fill: Fill, tmp_path: Path) -> Case:
    train = [f'n0144076{synset}/n0144076{synset}_{index}.JPEG' for synset in (4, 5) for index in range(3)]
    val = [f'ILSVRC2012_val_{index:08d}.JPEG' for index in range(1, 4)]
    fill('imagenet/train', train)
    fill('imagenet/val', val)
    arguments = [
        'OUT',
        '--train',
        str(tmp_path / 'imagenet/train'),
        '--val',
        str(tmp_path / 'imagenet/val'),
        '--allow-missing',
    ]
    outputs = {'train.lmdb': [name[:-5] for name in train], 'val.lmdb': [name[:-5] for name in val]}
    return Case(
        'prepare_imagenet',
        tmp_path / 'imagenet',
        arguments,
        outputs,
        'train.lmdb',
        tmp_path / 'imagenet' / 'train' / train[3],
    )


@pytest.fixture
def places(fill: Fill, tmp_path: Path) -> Case:
    train = [f'a/airfield/{index:08d}.jpg' for index in range(1, 4)]
    train += [f'a/apartment_building/outdoor/{index:08d}.jpg' for index in range(1, 4)]
    val = [f'Places365_val_{index:08d}.jpg' for index in range(1, 4)]
    fill('places/data_large', train)
    fill('places/val_large', val)
    arguments = [
        'OUT',
        '--train',
        str(tmp_path / 'places/data_large'),
        '--val',
        str(tmp_path / 'places/val_large'),
        '--allow-missing',
    ]
    outputs = {'train.lmdb': [name[:-4] for name in train], 'val.lmdb': [name[:-4] for name in val]}
    return Case(
        'prepare_places',
        tmp_path / 'places',
        arguments,
        outputs,
        'train.lmdb',
        tmp_path / 'places' / 'data_large' / train[3],
    )


@pytest.fixture(params=['images', 'ffhq', 'celebahq', 'imagenet', 'places'])
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_killed_and_gone_on_with(
    case: Case,
    load_main: LoadMain,
    tmp_path: Path,
    killed_run: Callable[..., int],
    tree_state: Callable[[Path], TreeState],
    values_of: Callable[[Path], dict[str, bytes]],
) -> None:
    main, before = load_main(case.script), tree_state(case.source)
    out, whole = tmp_path / 'out', tmp_path / 'whole'
    lines = killed_run(lambda: main(case.command(out)), out / case.under_way, case.blocking, 2)
    assert lines == 2
    assert not (out / case.under_way).exists()
    main(case.command(out))
    main(case.command(whole))
    assert sorted(path.name for path in out.iterdir()) == sorted(case.outputs)
    for name in case.outputs:
        assert values_of(out / name) == values_of(whole / name)
    assert tree_state(case.source) == before


def test_keys_sizes_and_counts(case: Case, load_main: LoadMain, tmp_path: Path) -> None:
    load_main(case.script)(case.command(tmp_path / 'out'))
    for name, keys in case.outputs.items():
        output = tmp_path / 'out' / name
        source = ImageSource(str(output))
        assert [source.path_of(index) for index in range(len(source))] == [f'{output}/{key}' for key in keys]
        assert {source.read_rgb(index).shape for index in range(len(source))} == {(40, 53, 3)}
        record = json.loads((output / ('prepare.json' if output.suffix else '.prepare.json')).read_text())
        assert record['written_count'] == len(keys)
        assert record['settings']['size'] == 40
        assert record['unreadable_count'] == (1 if case.script == 'prepare_images' else 0)


def test_folders_of_files(case: Case, load_main: LoadMain, tmp_path: Path) -> None:
    more = [] if case.script == 'prepare_images' else ['--store', 'folder']
    command = case.command(tmp_path / 'out', '--format', 'png', *more)
    load_main(case.script)([text.replace('photos.lmdb', 'photos') for text in command])
    for name, keys in case.outputs.items():
        output = tmp_path / 'out' / name.replace('.lmdb', '')
        source = ImageSource(str(output))
        assert [source.path_of(index) for index in range(len(source))] == [f'{output}/{key}.png' for key in keys]


def test_the_second_run_changes_nothing(
    case: Case,
    load_main: LoadMain,
    tmp_path: Path,
    tree_state: Callable[[Path], TreeState],
    capsys: pytest.CaptureFixture[str],
) -> None:
    main, command = load_main(case.script), case.command(tmp_path / 'out')
    main(command)
    before = tree_state(tmp_path / 'out')
    capsys.readouterr()
    main(command)
    assert capsys.readouterr().out.count('already done') == len(case.outputs)
    assert tree_state(tmp_path / 'out') == before
    with pytest.raises(SystemExit, match='Error: .*size: 40 there, 41 now'):
        main([*command, '--size', '41'])


def test_pixels_are_those_of_the_source(places: Case, load_main: LoadMain, tmp_path: Path) -> None:
    load_main('prepare_places')(places.command(tmp_path / 'out', '--size', '0', '--format', 'png'))
    sources = ImageSource(str(places.source / 'data_large'))
    made = ImageSource(str(tmp_path / 'out' / 'train.lmdb'))
    assert all(np.array_equal(made.read_rgb(index), sources.read_rgb(index)) for index in range(len(sources)))


def test_counts_are_checked(case: Case, load_main: LoadMain, tmp_path: Path) -> None:
    command = [text for text in case.command(tmp_path / 'out') if text != '--allow-missing']
    expected = {
        'prepare_ffhq': 'expected 60,000 train images of FFHQ in .*images1024x1024, found 6',
        'prepare_celebahq': 'expected 30,000 images in .*CelebA-HQ-img, found 12',
        'prepare_imagenet': 'expected 1,000 synset folders in .*train, found 2',
        'prepare_places': 'expected 365 scene folders in .*data_large, found 2',
    }.get(case.script)
    if expected is None:  # own photographs have no published number
        load_main(case.script)(command)
        assert all((tmp_path / 'out' / name).is_dir() for name in case.outputs)
        return
    with pytest.raises(SystemExit, match=f'Error: {expected}.*--allow-missing'):
        load_main(case.script)(command)


def test_other_layouts_are_named(fill: Fill, load_main: LoadMain, tmp_path: Path, celebahq: Case) -> None:
    folder = str(fill('other', ['holiday.jpg', 'more/x.jpg']))
    empty = tmp_path / 'empty'
    empty.mkdir()
    found = r"found 'holiday\.jpg' \(the folder holds the entries 'holiday\.jpg', 'more'\)"
    out = str(tmp_path / 'out')
    for name, arguments, message in [
        ('prepare_ffhq', [folder, out], f'expected images numbered 00000 to 69999, as in 00000/00000.png, {found}'),
        (
            'prepare_celebahq',
            [
                folder,
                *celebahq.command(tmp_path / 'out')[1:],
                '--mapping',
                str(celebahq.source / 'CelebA-HQ-to-CelebA-mapping.txt'),
            ],
            f'expected images named by their number, 0.jpg to 29999.jpg, {found}',
        ),
        ('prepare_imagenet', [out, '--train', folder], f'expected a folder for each synset.*, {found}'),
        ('prepare_imagenet', [out, '--val', folder], f'expected ILSVRC2012_val_00000001.*, {found}'),
        ('prepare_places', [out, '--train', folder], f'expected a folder for each scene.*, {found}'),
        ('prepare_places', [out, '--val', folder], f'expected Places365_val_00000001.*, {found}'),
        ('prepare_images', [str(empty), out], 'expected images .*, found an empty folder'),
        ('prepare_images', [str(tmp_path / 'nowhere'), out], 'expected a folder of images, found nothing'),
        ('prepare_images', [folder, f'{folder}/out.lmdb'], 'one inside the other'),
        ('prepare_ffhq', [folder, str(tmp_path), '--store', 'folder'], 'expected images numbered'),
        ('prepare_ffhq', [str(tmp_path), str(tmp_path)], 'one inside the other'),
    ]:
        with pytest.raises(SystemExit, match=f'Error: .*{message}'):
            load_main(name)([*arguments, '--workers', '0'])
    assert not (tmp_path / 'out').exists()


def test_seeded_split_of_own_images(fill: Fill, load_main: LoadMain, tmp_path: Path) -> None:
    source = str(fill('photos', [f'{index:02d}.png' for index in range(20)]))
    drawn = []
    for run, seed in enumerate((0, 0, 1)):
        outputs = [tmp_path / f'{run}.lmdb', tmp_path / f'{run}_val.lmdb']
        load_main('prepare_images')(
            [source, str(outputs[0]), '--val-count', '6', '--val-output', str(outputs[1]), '--seed', str(seed), *QUICK]
        )
        training, validation = (
            [line.partition('.')[0] for line in (output / 'meta_info.txt').read_text().splitlines()]
            for output in outputs
        )
        assert len(validation) == 6
        assert sorted(training + validation) == [f'{index:02d}' for index in range(20)]
        assert (training, validation) == (sorted(training), sorted(validation))
        drawn.append(validation)
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['a', 'b', '--val-count', '3'], 'belong together'),
        (['a', 'b', '--val-output', 'c'], 'belong together'),
        (['PHOTOS', 'b', '--val-count', '2', '--val-output', 'c'], 'expected less than the 2 images'),
        (['a', 'b', '--quality', '0'], "--quality: expected a whole number from 1 to 100, got '0'"),
        (['a', 'b', '--workers', 'many'], "--workers: expected a whole number of at least 0, got 'many'"),
        (['a', 'b', '--format', 'gif'], 'invalid choice'),
        (['a', 'b', '--seed', '-1'], "--seed: expected a whole number of at least 0, got '-1'"),
        (['a', 'b', '--val-count', '-1'], "--val-count: expected a whole number of at least 0, got '-1'"),
    ],
)
def test_command_line_of_own_images(
    fill: Fill, load_main: LoadMain, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    photos = str(fill('photos', ['0.png', '1.png']))
    with pytest.raises(SystemExit):
        load_main('prepare_images')([argument.replace('PHOTOS', photos) for argument in arguments])
    assert message in capsys.readouterr().err


def test_ffhq_takes_other_folders_for_the_same_keys(fill: Fill, load_main: LoadMain, tmp_path: Path) -> None:
    source = str(fill('thumbnails128x128', ['00001.png', '61234.png']))
    load_main('prepare_ffhq')([source, str(tmp_path / 'out'), '--allow-missing', *QUICK])
    for split, key in (('train', '00000/00001'), ('val', '61000/61234')):
        assert (tmp_path / 'out' / f'{split}.lmdb' / 'meta_info.txt').read_text() == f'{key}.png (40,53,3) 1\n'


def test_celebahq_lists_are_checked(celebahq: Case, load_main: LoadMain, tmp_path: Path) -> None:
    main, command = load_main('prepare_celebahq'), celebahq.command(tmp_path / 'out')
    mapping, partition = (
        celebahq.source / name for name in ('CelebA-HQ-to-CelebA-mapping.txt', 'list_eval_partition.txt')
    )
    original = {path: path.read_text() for path in (mapping, partition)}
    for path, text, message in [
        (mapping, original[mapping].rpartition('\n')[0], r'11\.jpg: expected a line for this face in .*mapping\.txt'),
        (mapping, '0 119613', "mapping.txt: expected lines like '0 119613 119614.jpg', found '0 119613'"),
        (mapping, '', 'mapping.txt: expected lines like .*, found an empty file'),
        (
            partition,
            original[partition].replace('000177.jpg 2\n', ''),
            r'partition\.txt: expected a line for 000177\.jpg',
        ),
        (partition, original[partition] + '000999.jpg 3\n', r'partition\.txt: expected 0, 1 or 2'),
    ]:
        path.write_text(text)
        with pytest.raises(SystemExit, match=message):
            main(command)
        path.write_text(original[path])
    mapping.unlink()
    with pytest.raises(SystemExit, match=r'mapping\.txt: expected a text file with lines like'):
        main(command)


def test_small_places_are_not_taken_for_512(
    fill: Fill, write_image: WriteImage, load_main: LoadMain, tmp_path: Path
) -> None:
    for index in range(1, 4):
        write_image(tmp_path / 'data_256' / 'a' / 'airfield' / f'{index:08d}.jpg', index, height=256, width=256)
    command = [str(tmp_path / 'out'), '--train', str(tmp_path / 'data_256'), '--allow-missing', '--workers', '0']
    main = load_main('prepare_places')
    with pytest.raises(SystemExit, match='data_256: expected images for --size 512, found the small version'):
        main([*command, '--size', '512'])
    main(command)
    # Squares of 256 pixels are in the right size and format, and copied.
    made = ImageSource(str(tmp_path / 'out' / 'train.lmdb'))
    assert np.array_equal(made.read_rgb(0), ImageSource(str(tmp_path / 'data_256')).read_rgb(0))


def test_imagenet_validation_in_synset_folders(fill: Fill, load_main: LoadMain, tmp_path: Path) -> None:
    source = str(fill('val', ['n01440764/ILSVRC2012_val_00000293.JPEG']))
    load_main('prepare_imagenet')([str(tmp_path / 'out'), '--val', source, '--allow-missing', *QUICK])
    meta = (tmp_path / 'out' / 'val.lmdb' / 'meta_info.txt').read_text()
    assert meta == 'n01440764/ILSVRC2012_val_00000293.jpg (40,53,3) 95\n'


def test_both_counts_of_ffhq_come_before_any_writing(
    ffhq: Case, load_main: LoadMain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = load_main('prepare_ffhq')
    main.__globals__['SPLITS']['train'] = [0, 1, 2, 3, 1000, 59999]  # complete
    command = [text for text in ffhq.command(tmp_path / 'out') if text != '--allow-missing']
    with pytest.raises(SystemExit, match='expected 10,000 val images of FFHQ'):
        main(command)
    assert not (tmp_path / 'out').exists()


def test_home_is_expanded(fill: Fill, load_main: LoadMain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell leaves '--val-output=~/x' as it is."""
    fill('home/photos', ['0.png', '1.png'])
    fill('home/masks', ['0.png', '1.png'])
    fill('home/val', ['ILSVRC2012_val_00000293.JPEG'])
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.chdir(tmp_path)
    load_main('prepare_images')(['~/photos', '~/a.lmdb', '--val-count=1', '--val-output=~/b.lmdb', *QUICK])
    load_main('prepare_imagenet')(['~/imagenet', '--val=~/val', '--allow-missing', *QUICK])
    load_main('prepare_irregular_masks')(['~/masks', '~/prepared', *QUICK])
    assert [path.name for path in tmp_path.iterdir()] == ['home']
    made = ['a.lmdb', 'b.lmdb', 'imagenet/val.lmdb', 'prepared/train.lmdb', 'prepared/shares.csv']
    assert all((tmp_path / 'home' / name).exists() for name in made)
    with pytest.raises(SystemExit, match='one inside the other'):
        load_main('prepare_images')(['~/photos', str(tmp_path / 'home' / 'photos' / 'out'), *QUICK])


def test_errors_of_the_file_system_are_one_line(
    images: Case, load_main: LoadMain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / 'out' / 'photos.lmdb'
    output.mkdir(parents=True)

    def listdir(path: str) -> list[str]:
        raise PermissionError(13, 'Permission denied', path)

    monkeypatch.setattr('preparation.preparation.os.listdir', listdir)
    with pytest.raises(SystemExit, match=r'^Error: .*photos\.lmdb: Permission denied\. Correct the path, or allow'):
        load_main('prepare_images')(images.command(tmp_path / 'out'))


def test_size_is_reached_from_at_least_twice_of_it(
    tmp_path: Path, write_image: WriteImage, load_main: LoadMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to keep twice the size, the decoder keeps that and not four times it."""
    asked: list[int | None] = []
    monkeypatch.setattr(
        'preparation.decoding.decode_image',
        lambda content, *, least_side: (asked.append(least_side), np.zeros((60, 80, 3), np.uint8))[1],
    )
    write_image(tmp_path / 'photos' / 'x.jpg')
    load_main('prepare_images')([str(tmp_path / 'photos'), str(tmp_path / 'out'), *QUICK])
    assert asked == [40]
