"""The everyday kinds of corruption through the data set; what each of them draws is tested beside its function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from torch.utils.data import DataLoader

from hcl_arch.commands.preview.command import contact_sheet, draw_samples
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.corruptions.corruption_options import KINDS
from hcl_arch.data.corruptions.everyday import kinds as everyday
from hcl_arch.data.corruptions.everyday.kinds import CLEAN, EVERYDAY_KINDS, PASTED_KINDS, PICTURE_KINDS
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil, Spoiled, with_change
from hcl_arch.data.corruptions.font_files import find_fonts
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.dataset_options import read_options
from hcl_arch.option_checks.data_set_images import ImageFolders

SIZE = 64
STEP = 1 / 255
NAMES = (
    'bars',
    'scribbles',
    'stickers',
    'captions',
    'date_stamps',
    'single_mark',
    'tiled_marks',
    'mosaic',
    'lost_blocks',
    'old_print',
    'hard_paste',
    'soft_paste',
    'clean',
)
# Of a border that is soft, the half outside does not count as corrupted.
SOFT_KINDS = ('mosaic', *PASTED_KINDS)
DEGRADATION = {'blur_prob': 0.5, 'resize_prob': 0.5, 'noise_prob': 0.5, 'jpeg_prob': 1, 'webp_prob': 0.3}
Options = dict[str, Any]


@pytest.fixture
def opt(make_folder: Callable[..., Path]) -> Options:
    """Options of a validation set with 6 images, and 4 others as photographs to take parts from."""
    return {
        'name': 'Tiny',
        'type': 'BlindCorruptionDataset',
        'phase': 'val',
        'gt_size': SIZE,
        'dataroot_gt': str(make_folder('truth', 6, height=72, width=90)),
        'dataroot_noise': str(make_folder('photos', 4, height=72, width=90, seed=1)),
    }


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    """Two RGBA pictures: a magenta disc, and one of two colours."""
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for number in range(2):
        picture = np.zeros((40, 40, 4), np.uint8)
        cv2.circle(picture, (20, 20), 15, (255, 0, 255, 255), cv2.FILLED)
        picture[:20, :20, 1] = 200 * number
        cv2.imwrite(str(folder / f'{number}.png'), picture)
    return str(folder)


def build(opt: Options, **changes: Any) -> Any:
    """Return the data set, its samples untyped."""
    return BlindCorruptionDataset({**opt, **changes})


def assert_equal(first: Any, second: Any, *keys: str) -> None:
    for key in keys or ('lq', 'gt', 'noise', 'mask'):
        assert torch.equal(first[key], second[key]), key


def box(share: float, value: float, top: int = 0) -> Spoil:
    """A kind that paints rows from `top` on in one gray level."""

    def spoil(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
        image = truth.image.copy()
        image[top : top + round(share * SIZE)] = value
        return with_change(truth.image, image)

    return spoil


# ------------------------------------------------------------------ every kind


def test_all_kinds_are_there() -> None:
    assert sorted(EVERYDAY_KINDS) == sorted(NAMES)
    assert set(NAMES) <= set(KINDS)


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('kind', NAMES)
def test_the_input_is_the_truth_where_nothing_is_corrupted(opt: Options, kind: str, phase: str) -> None:
    dataset = build(opt, phase=phase, batch_size_per_gpu=1, corruptions={kind: 1})
    torch.manual_seed(0)
    shares = []
    for index in range(6):
        sample = dataset[index]
        assert sample['corruption'] == kind
        for key, channels in (('lq', 3), ('gt', 3), ('noise', 3), ('mask', 1)):
            assert (sample[key].shape, sample[key].dtype) == ((channels, SIZE, SIZE), torch.float32)
            assert 0 <= sample[key].min() <= sample[key].max() <= 1
        levels = sample['lq'] * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
        change = (sample['lq'] - sample['gt']).abs().amax(0).numpy()
        corrupted = sample['mask'][0].numpy() == 0
        if kind in SOFT_KINDS:
            corrupted = binary_dilation(corrupted, np.ones((17, 17)))
        assert change[~corrupted].max(initial=0) < 4.5 * STEP  # less than four levels, and rounding
        shares.append(float(1 - sample['mask'].mean()))
    assert (max(shares) == 0) == (kind == CLEAN)
    assert max(shares) < 1


@pytest.mark.parametrize('kind', [kind for kind in NAMES if kind != 'old_print'])
def test_the_truth_is_the_photograph(opt: Options, kind: str) -> None:
    """As with any other corruption: only an old print is toned, and then it is the toned one that is restored."""
    photographs = build(opt, corruptions={'constant': 1})
    dataset = build(opt, corruptions={kind: 1})
    for index in range(6):
        assert_equal(dataset[index], photographs[index], 'gt')


def test_a_toned_print_is_restored_to_the_toned_picture(opt: Options) -> None:
    photographs = build(opt, corruptions={'constant': 1})
    dataset = build(opt, corruptions={'old_print': 1})
    toned = [index for index in range(6) if not torch.equal(dataset[index]['gt'], photographs[index]['gt'])]
    assert 0 < len(toned) < 6
    for index in toned:
        levels = dataset[index]['gt'] * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_clean_leaves_the_photograph_alone(opt: Options) -> None:
    dataset = build(opt, corruptions={CLEAN: 1})
    for index in range(6):
        sample = dataset[index]
        assert torch.equal(sample['lq'], sample['gt'])
        assert (sample['mask'] == 1).all()


@pytest.mark.parametrize(('context', 'workers'), [('fork', 2), pytest.param('spawn', 1, marks=pytest.mark.slow)])
def test_workers_give_the_same_samples(opt: Options, pictures: str, context: str, workers: int) -> None:
    corruptions = {kind: {'dataroot': pictures} if kind in PICTURE_KINDS else 1 for kind in NAMES}
    dataset = build(opt, corruptions=corruptions, second_kind=0.5, degradation=DEGRADATION)
    expected = [dataset[index] for index in range(6)]
    samples = list(DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context))
    again = build(opt, corruptions=corruptions, second_kind=0.5, degradation=DEGRADATION)
    for index in range(6):
        assert_equal(samples[index], expected[index])
        assert_equal(again[index], expected[index])


def test_the_preview_draws_them(opt: Options) -> None:
    samples = draw_samples(build(opt, corruptions=dict.fromkeys(NAMES, 1), degradation=DEGRADATION), count=4, seed=0)
    assert contact_sheet(samples, columns=2).ndim == 3


# ------------------------------------------------------------------ what they draw with


class Recorder:
    """Stands in for a kind and keeps the materials it was given."""

    def __init__(self) -> None:
        self.seen: list[Materials] = []

    def __call__(self, truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
        self.seen.append(materials)
        return box(0.25, 1.0)(truth, materials, rng)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    kept = Recorder()
    monkeypatch.setattr(everyday, 'EVERYDAY_KINDS', dict.fromkeys(NAMES, kept))
    return kept


@pytest.mark.parametrize('kind', PICTURE_KINDS)
def test_pictures_of_an_entry(opt: Options, pictures: str, recorder: Recorder, kind: str) -> None:
    build(opt, corruptions={'mine': {'type': kind, 'dataroot': pictures}})[0]
    found = recorder.seen[0].pictures
    assert found is not None
    assert found.count == 2
    assert found.draw(np.random.default_rng(0)).shape == (31, 31, 4)  # cropped to the disc
    build(opt, corruptions={kind: 1})[0]
    assert recorder.seen[1].pictures is None


@pytest.mark.parametrize('kind', [*PASTED_KINDS, 'stickers'])
def test_photographs_are_cropped_as_the_truth_is(opt: Options, recorder: Recorder, kind: str) -> None:
    build(opt, corruptions={kind: 1})[0]
    photo = recorder.seen[0].photo
    assert photo is not None
    truth = Truth(np.zeros((SIZE, SIZE, 3), np.float32), 'other')
    crop = photo(truth, np.random.default_rng(0))
    assert (crop.shape, crop.dtype) == (truth.image.shape, np.float32)


def test_stickers_do_without_photographs_and_pastes_do_not(opt: Options, recorder: Recorder) -> None:
    del opt['dataroot_noise']
    build(opt, corruptions={'stickers': 1})[0]
    assert recorder.seen[0].photo is None
    for kind in PASTED_KINDS:
        with pytest.raises(ValueError, match=f"'dataroot_noise' is missing, but the corruption '{kind}' takes"):
            build(opt, corruptions={kind: 1})


def test_photographs_are_not_opened_in_vain(opt: Options) -> None:
    build(opt, dataroot_noise='nowhere', corruptions={'bars': 1, CLEAN: 1})[0]


def test_one_photograph_is_refused(opt: Options, make_folder: Callable[..., Path]) -> None:
    one = str(make_folder('one', 1))
    with pytest.raises(ValueError, match=r"'hard_paste', 'dataroot_noise' expects at least 2 different images"):
        build(opt, dataroot_noise=one, corruptions={'hard_paste': 1})


def make_fonts(folder: Path) -> list[Path]:
    """Files that are called as fonts are, and others."""
    fonts = [folder / 'a.TTF', folder / 'sub' / 'b.otf', folder / 'sub' / 'deep' / 'c.ttc']
    for path in (*fonts, folder / 'sub' / 'licence.txt', folder / '.hidden.ttf'):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return fonts


def test_fonts_of_the_data_set(opt: Options, recorder: Recorder, tmp_path: Path) -> None:
    fonts = make_fonts(tmp_path / 'fonts')
    build(opt, dataroot_fonts=str(tmp_path / 'fonts'), corruptions={'captions': 1})[0]
    assert list(recorder.seen[0].fonts) == fonts
    build(opt, corruptions={'captions': 1})[0]
    assert len(recorder.seen[1].fonts) == 0


def test_fonts_of_several_folders(tmp_path: Path) -> None:
    first, second = make_fonts(tmp_path / 'first'), make_fonts(tmp_path / 'second')
    assert find_fonts([str(tmp_path / 'second'), str(tmp_path / 'first')]) == (*second, *first)
    assert find_fonts([]) == ()


def test_folders_without_fonts_are_refused(opt: Options, tmp_path: Path) -> None:
    """By the data set, and by the check before a run."""
    (tmp_path / 'none').mkdir()
    for folder, error, message in (
        (tmp_path / 'none', ValueError, r'none: expected fonts \(.ttf, .otf, .ttc\), found'),
        (tmp_path / 'no', FileNotFoundError, 'no: expected a folder of fonts'),
    ):
        options = {**opt, 'dataroot_fonts': str(folder), 'corruptions': {'captions': 1}}
        with pytest.raises(error, match=f"data set 'Tiny', 'dataroot_fonts': .*{message}"):
            build(options)
        folders = ImageFolders()
        folders.count_samples(read_options(options), ('datasets', 'val'))
        assert len(folders.problems) == 1
        assert folders.problems[0].startswith('datasets: val: dataroot_fonts: ')


# ------------------------------------------------------------------ a second kind


def test_a_second_kind_comes_on_top_of_the_first(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, spoil in {'bars': box(0.25, 1.0), 'captions': box(0.25, 0.0, 40)}.items():
        monkeypatch.setitem(EVERYDAY_KINDS, kind, spoil)
    entries = {'bars': 1, 'captions': 1}
    masks = {
        share: [1 - build(opt, corruptions=entries, second_kind=share)[index]['mask'][0] for index in range(6)]
        for share in (0, 1)
    }
    for once, twice in zip(masks[0], masks[1]):
        assert 0 < once.mean() < 0.26 < twice.mean()
        assert twice[:16].mean() > 0.9
        assert twice[40:56].mean() > 0.9


def test_a_second_kind_is_as_frequent_as_asked_for_and_never_clean(
    opt: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, spoil in {'bars': box(0.25, 1.0), 'captions': box(0.25, 0.0, 40)}.items():
        monkeypatch.setitem(EVERYDAY_KINDS, kind, spoil)
    dataset = build(
        opt,
        phase='train',
        batch_size_per_gpu=1,
        second_kind=0.4,
        corruptions={'bars': 1, 'captions': 1, CLEAN: 1, 'constant': {'hole_share': [0.05, 0.1]}},
    )
    torch.manual_seed(0)
    shares: dict[str, list[float]] = {}
    for index in [*range(6)] * 60:
        sample = dataset[index]
        shares.setdefault(sample['corruption'], []).append(float(1 - sample['mask'].mean()))
    assert max(shares[CLEAN]) == 0
    assert max(shares['constant']) <= 0.1
    seen = shares['bars'] + shares['captions']
    assert np.mean([share > 0.4 for share in seen]) == pytest.approx(0.4, abs=0.12)


@pytest.mark.parametrize(
    ('share', 'pictures_with'), [(1.0, [0, 0.028, 0.417, 0.556]), (0.5, [0.5, 0.274, 0.156, 0.07])]
)
def test_further_kinds_come_with_the_same_share_and_at_most_four(
    share: float, pictures_with: list[float], opt: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ['bars', 'captions', 'scribbles', 'stickers', 'mosaic', 'lost_blocks', 'date_stamps']
    drawn: list[str] = []

    def drawing(kind: str) -> Spoil:
        def spoil(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
            drawn.append(kind)
            return box(0.25, 1.0)(truth, materials, rng)

        return spoil

    for kind in kinds:
        monkeypatch.setitem(EVERYDAY_KINDS, kind, drawing(kind))
    dataset = build(opt, phase='train', batch_size_per_gpu=1, second_kind=share, corruptions=dict.fromkeys(kinds, 1))
    torch.manual_seed(0)
    counts = [0] * 4
    for index in [*range(6)] * 60:
        drawn.clear()
        assert dataset[index]['corruption'] == drawn[0]
        assert len(set(drawn)) == len(drawn)
        counts[len(drawn) - 1] += 1
    # A kind that is drawn a second time is left out.
    assert [count / 360 for count in counts] == pytest.approx(pictures_with, abs=0.07)


def with_second(kind: str, monkeypatch: pytest.MonkeyPatch, spoil: Spoil, opt: Options) -> Any:
    """A sample of that kind, with the stand-in 'bars' as the other one of two kinds."""
    monkeypatch.setitem(EVERYDAY_KINDS, 'bars', box(0.25, 1.0))
    monkeypatch.setitem(EVERYDAY_KINDS, kind, spoil)
    return build(opt, corruptions={kind: 1, 'bars': 1}, second_kind=1)


def test_toning_goes_below_whatever_is_drawn_first(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the second kind would be toned with the picture, and be a part of what is to be restored."""

    def darken(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
        toned = truth.image * np.float32(0.5)
        spoiled = box(0.25, 0.0, 40)(replace(truth, image=toned), materials, rng)
        return spoiled._replace(truth=toned)

    dataset = with_second('old_print', monkeypatch, darken, opt)
    photographs = build(opt, corruptions={'constant': 1})
    names = set()
    for index in range(6):
        sample = dataset[index]
        names.add(sample['corruption'])
        torch.testing.assert_close(sample['gt'], photographs[index]['gt'] / 2, atol=0.51 * STEP, rtol=0)
        assert (sample['lq'][:, :16] == 1).all()
        assert (sample['lq'][:, 40:56] == 0).all()
        assert (sample['mask'][:, :16] == 0).all()
        assert torch.equal(sample['lq'][:, 16:40], sample['gt'][:, 16:40])
    assert names == {'bars', 'old_print'}


@pytest.mark.parametrize(
    ('corruptions', 'count'),
    [({'bars': 1}, 1), ({'bars': 1, CLEAN: 1}, 1), ({'bars': 1, 'others': {'type': 'bars'}}, 1), ({'constant': 1}, 0)],
)
def test_a_second_kind_needs_two(opt: Options, corruptions: Options, count: int) -> None:
    with pytest.raises(
        ValueError,
        match=f"'second_kind' asks for a second everyday kind on top, but 'corruptions' has "
        f"{count} of them other than 'clean'",
    ):
        build(opt, corruptions=corruptions, second_kind=0.1)


# ------------------------------------------------------------------ options


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        *[
            (
                {'corruptions': {'bars': {key: 0.5}}},
                f"corruption 'bars': '{key}' is given, but bars brings its own opacity",
            )
            for key in ('opacity', 'blur_sigma', 'hole_share')
        ],
        ({'corruptions': {'bar': 1}}, "'corruptions': unknown option 'bar'. Did you mean 'bars'?"),
        ({'corruptions': {'bars': {'dataroot': 'a'}}}, "corruption 'bars': unknown option 'dataroot'"),
        ({'corruptions': {'stickers': {'recolour': 1}}}, "corruption 'stickers': unknown option 'recolour'"),
        ({'corruptions': {'stickers': {'dataroot': 3}}}, "'dataroot' expects a path or a list of paths, got 3"),
        ({'second_kind': 1.1}, "'second_kind' expects a number from 0 to 1, got 1.1"),
        ({'dataroot_fonts': 3}, "'dataroot_fonts' expects a path or a list of paths, got 3"),
    ],
)
def test_wrong_options_are_refused(opt: Options, change: Options, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the text is compared below, without regular expressions)
        read_options({**opt, **change})
    assert message in str(caught.value)


# ------------------------------------------------------------------ degradation


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('corruptions', [{'patch': 1, 'text': 1}, {'captions': 1, 'old_print': 1, CLEAN: 1}])
def test_only_the_input_is_degraded(opt: Options, phase: str, corruptions: Options) -> None:
    samples: list[list[Any]] = []
    for degradation in (None, {'jpeg_prob': 1, 'jpeg_quality': 30}):
        dataset = build(opt, phase=phase, batch_size_per_gpu=1, corruptions=corruptions, degradation=degradation)
        torch.manual_seed(0)
        samples.append([dataset[index] for index in range(6)])
    for plain, compressed in zip(*samples):
        assert_equal(plain, compressed, 'gt', 'noise', 'mask')
        assert not torch.equal(plain['lq'], compressed['lq'])
        torch.testing.assert_close(plain['lq'].mean(), compressed['lq'].mean(), atol=0.02, rtol=0)
        levels = compressed['lq'] * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_a_share_of_the_samples_is_degraded(opt: Options) -> None:
    dataset = build(
        opt,
        phase='train',
        batch_size_per_gpu=1,
        corruptions={CLEAN: 1},
        degradation={'prob': 0.3, 'jpeg_prob': 1, 'jpeg_quality': 20},
    )
    torch.manual_seed(0)
    degraded = [not torch.equal(sample['lq'], sample['gt']) for sample in (dataset[index % 6] for index in range(200))]
    assert np.mean(degraded) == pytest.approx(0.3, abs=0.1)
