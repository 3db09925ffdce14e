from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from basicsr.data import build_dataloader, build_dataset
from basicsr.data.data_sampler import EnlargedSampler
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hcl_arch.data import dataset_options
from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from tests.data.conftest import stem_from_spawned_worker

SIZE = 32
HEIGHT, WIDTH = 40, 48
Options = dict[str, Any]


def build(opt: Options) -> Any:
    """Return the data set, its samples untyped."""
    return HCLPairedDataset(opt)


def coordinates(offset: int = 0) -> NDArray[np.uint8]:
    """Image whose pixels say where they are: 5 times the column in red, 5 times the row in green, a number in blue."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.dstack([5 * columns, 5 * rows, np.full_like(rows, offset)]).astype(np.uint8)


def coordinate_mask() -> NDArray[np.uint8]:
    """White where row + column is a multiple of 3."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.where((rows + columns) % 3 == 0, 255, 0).astype(np.uint8)


def write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


@pytest.fixture
def opt(tmp_path: Path) -> Options:
    """Options of a validation set of 3 pairs with masks; corrupted and clean images hold their coordinates."""
    for index in range(3):
        write(tmp_path / 'lq' / f'{index:03d}.png', coordinates(10 + index))
        write(tmp_path / 'gt' / f'{index:03d}.png', coordinates(20 + index))
        write(tmp_path / 'mask' / f'{index:03d}.png', coordinate_mask())
    return {
        'name': 'Tiny',
        'type': 'HCLPairedDataset',
        'phase': 'val',
        'gt_size': SIZE,
        **{f'dataroot_{role}': str(tmp_path / role) for role in ('lq', 'gt', 'mask')},
    }


def training(opt: Options, **changes: Any) -> Options:
    return {**opt, 'phase': 'train', 'batch_size_per_gpu': 1, 'num_worker_per_gpu': 0, **changes}


def without(opt: Options, *keys: str) -> Options:
    return {key: value for key, value in opt.items() if key not in keys}


def assert_equal_samples(first: Any, second: Any, *, paths: bool = True) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[key]), key
        elif paths or key == 'corruption':
            assert value == second[key]


@pytest.mark.parametrize('phase', ['train', 'val', 'test'])
def test_sample_form(opt: Options, phase: str) -> None:
    dataset = build_dataset({**opt, 'phase': phase, 'corruption': 'watermark'})
    assert isinstance(dataset, HCLPairedDataset)
    sample: Options = {**dataset[2]}
    assert set(sample) == {'lq', 'gt', 'mask', 'lq_path', 'gt_path', 'corruption'}
    for key, channels in (('lq', 3), ('gt', 3), ('mask', 1)):
        assert sample[key].shape == (channels, SIZE, SIZE)
        assert sample[key].dtype == torch.float32
        assert sample[key].is_contiguous()
    assert set(sample['mask'].unique().tolist()) == {0.0, 1.0}
    assert sample['lq_path'] == f'{opt["dataroot_lq"]}/002.png'
    assert sample['gt_path'] == f'{opt["dataroot_gt"]}/002.png'
    assert sample['corruption'] == 'watermark'
    assert build(opt)[0]['corruption'] == 'paired'


def test_whole_images_say_what_was_read(opt: Options) -> None:
    sample = build({**opt, 'gt_size': None})[1]
    for key, offset in (('lq', 11), ('gt', 21)):
        np.testing.assert_allclose(sample[key].numpy().transpose(1, 2, 0) * 255, coordinates(offset), atol=1e-4)
    np.testing.assert_array_equal(sample['mask'][0].numpy() == 0, coordinate_mask() == 255)


@pytest.mark.parametrize('mirrored', [True, False])
def test_training_crops_are_aligned(opt: Options, mirrored: bool) -> None:
    """Every pixel of all three comes from the same place, and places and mirroring vary."""
    side = 20
    dataset = build(training(opt, gt_size=side, crop_scale=side / HEIGHT, use_hflip=mirrored))
    seen, directions = set(), []
    for _ in range(40):
        sample = {key: value.numpy() for key, value in dataset[1].items() if isinstance(value, torch.Tensor)}
        lq, gt = ((sample[key] * 255).round().astype(int) for key in ('lq', 'gt'))
        columns, rows = lq[0] // 5, lq[1] // 5
        np.testing.assert_array_equal(lq[:2], gt[:2])
        assert set(np.unique(lq[2])) == {11}
        assert set(np.unique(gt[2])) == {21}
        np.testing.assert_array_equal(sample['mask'][0] == 0, (rows + columns) % 3 == 0)
        direction = columns[0, 1] - columns[0, 0]
        expected = np.arange(side)[::direction] + columns.min()
        np.testing.assert_array_equal(columns, np.broadcast_to(expected, (side, side)))
        np.testing.assert_array_equal(rows, rows.min() + np.indices((side, side))[0])
        seen.add((rows.min(), columns.min()))
        directions.append(int(direction))
    assert len(seen) > 20
    assert max(row for row, _ in seen) > 12
    assert max(column for _, column in seen) > 20
    assert 8 < directions.count(-1) < 32 if mirrored else directions.count(-1) == 0


def test_crop_scale_is_a_share_of_the_short_side(opt: Options) -> None:
    """A crop of half the short side, 20 pixels, enlarged to 40: neighbours are half a pixel apart."""
    sample = build(training(opt, gt_size=40, crop_scale=0.5, use_hflip=False))[0]
    columns = sample['lq'][0, 20].numpy() * 255 / 5
    assert columns[30] - columns[10] == pytest.approx(10, abs=0.3)


def test_validation_is_the_centre_square(opt: Options) -> None:
    sample = build(opt)[0]
    square = coordinates(10)[:, 4:44]  # 40 x 48 -> 40 x 40
    expected = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(sample['lq'].numpy(), expected, atol=1e-6)
    share = cv2.resize(coordinate_mask()[:, 4:44] / 255, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    decided = np.abs(share - 0.5) > 1e-3
    np.testing.assert_array_equal(sample['mask'][0].numpy()[decided] == 0, share[decided] > 0.5)


@pytest.mark.parametrize(('workers', 'context'), [(0, None), (2, 'fork')])
def test_validation_is_the_same_with_workers(
    opt: Options, to_lmdb: Callable[[Path], Path], workers: int, context: str | None
) -> None:
    dataset = build({**opt, 'dataroot_gt': str(to_lmdb(Path(opt['dataroot_gt'])))})
    expected = [dataset[index] for index in range(3)]
    torch.manual_seed(5)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context)
    for sample, wanted in zip(loader, expected):
        assert_equal_samples(sample, wanted)


def test_lmdb_and_folder_are_equal(opt: Options, to_lmdb: Callable[[Path], Path]) -> None:
    roots = {key: str(to_lmdb(Path(opt[key]))) for key in ('dataroot_lq', 'dataroot_gt', 'dataroot_mask')}
    files, entries = build(opt), build({**opt, **roots, 'io_backend': {'type': 'lmdb'}})
    for index in range(3):
        assert_equal_samples(files[index], entries[index], paths=False)
    assert entries[1]['lq_path'] == f'{roots["dataroot_lq"]}/001'
    assert_equal_samples(pickle.loads(pickle.dumps(entries))[1], entries[1])


def test_training_follows_torchs_seed_and_not_numpys(opt: Options) -> None:
    dataset = build(training(opt, crop_scale=[0.3, 0.9]))
    samples = []
    for seed in (0, 0, 1):
        np.random.seed(0)  # noqa: NPY002  (BasicSR does so in every epoch)
        torch.manual_seed(seed)
        samples.append(dataset[2])
    assert_equal_samples(samples[0], samples[1])
    assert not torch.equal(samples[0]['lq'], samples[2]['lq'])


@pytest.mark.parametrize(
    ('images', 'batch', 'world', 'length'), [(8, 3, 1, 9), (2, 3, 1, 3), (8, 3, 2, 12), (6, 3, 2, 6), (1, 4, 2, 8)]
)
def test_epoch_length(monkeypatch: pytest.MonkeyPatch, images: int, batch: int, world: int, length: int) -> None:
    monkeypatch.setattr(dataset_options, 'get_dist_info', lambda: (0, world))
    assert dataset_options.epoch_length(images, batch_size=batch) == length


def test_length(opt: Options) -> None:
    dataset_opt = training(opt, batch_size_per_gpu=2)
    dataset = build(dataset_opt)
    assert len(dataset) == 4
    assert [Path(dataset[index]['gt_path']).stem for index in range(4)] == ['000', '001', '002', '000']
    with pytest.raises(IndexError, match="data set 'Tiny': sample 4 of 4"):
        dataset[4]
    loader = build_dataloader(dataset, dataset_opt, num_gpu=0, sampler=EnlargedSampler(dataset, 1, 0, 1), seed=0)
    assert [batch['lq'].shape for batch in loader] == [(2, 3, SIZE, SIZE)] * 2
    assert len(build({**opt, 'batch_size_per_gpu': 2})) == 3
    assert len(build({**opt, 'max_samples': 2})) == 2
    assert len(build({**opt, 'max_samples': 9})) == 3


@pytest.mark.slow
def test_a_spawned_worker_serves_the_last_index_of_a_group(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as group:
        group.setattr(dataset_options, 'get_dist_info', lambda: (1, 2))
        dataset = build(training(opt, batch_size_per_gpu=4))
    assert stem_from_spawned_worker(dataset, 7) == '001'


def test_inverted_masks(opt: Options) -> None:
    straight, inverted = build({**opt, 'gt_size': None})[0], build({**opt, 'gt_size': None, 'mask_inverted': True})[0]
    assert torch.equal(straight['mask'], 1 - inverted['mask'])


def test_derived_mask_is_of_the_whole_image_and_cropped_with_it(opt: Options, tmp_path: Path) -> None:
    marked = coordinates(20)
    marked[8:30, 10:40, 2] = 200
    write(tmp_path / 'lq' / '000.png', marked)
    opt = without(opt, 'dataroot_mask')
    expected = DifferenceMask()(marked, coordinates(20))
    assert expected[9:29, 11:39].all()
    whole = build({**opt, 'gt_size': None})
    np.testing.assert_array_equal(whole[0]['mask'][0].numpy() == 0, expected)
    assert whole[1]['mask'].all()  # 10 of 255 below the threshold
    assert not build({**opt, 'gt_size': None, 'mask_threshold': 0.03})[1]['mask'].any()
    crop = build(training(opt, gt_size=20, crop_scale=0.5, use_hflip=False))[0]
    left, top = (int((crop['gt'][channel, 0, 0] * 255).round()) // 5 for channel in (0, 1))
    np.testing.assert_array_equal(crop['mask'][0].numpy() == 0, expected[top : top + 20, left : left + 20])


def test_mask_options_reach_the_derivation(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(DifferenceMask, '__call__', lambda self, lq, gt: made.append(self) or lq[..., 0] > 0)
    own = {'mask_threshold': 0.2, 'mask_smoothing': 1.5, 'mask_least_area': 7, 'mask_closing': 3}
    build({**without(opt, 'dataroot_mask'), **own})[0]
    assert made == [DifferenceMask(threshold=0.2, smoothing=1.5, least_area=7, closing=3)]


def test_templates_in_one_folder(opt: Options, tmp_path: Path) -> None:
    """All roles in one folder, with others among them and one set in a subfolder."""
    folder = tmp_path / 'all'
    for stem, offset in (('0', 1), ('1', 2), ('sub/0', 3)):
        write(folder / f'{stem}_rain.png', coordinates(offset))
        write(folder / f'{stem}_clean.png', coordinates(100 + offset))
        write(folder / f'{stem}_mask.png', coordinate_mask())
    write(folder / 'overview.png', coordinates())
    dataset = build(
        {
            **opt,
            'gt_size': None,
            **{f'dataroot_{role}': str(folder) for role in ('lq', 'gt', 'mask')},
            'lq_template': '{}_rain',
            'gt_template': '{}_clean',
            'mask_template': '{}_mask',
        }
    )
    found = [
        (sample['lq_path'], round(float(sample['lq'][2, 0, 0]) * 255), round(float(sample['gt'][2, 0, 0]) * 255))
        for sample in (dataset[index] for index in range(len(dataset)))
    ]
    assert found == [
        (f'{folder}/{stem}_rain.png', offset, 100 + offset) for stem, offset in (('0', 1), ('1', 2), ('sub/0', 3))
    ]


def test_star_lets_corrupted_images_share_a_clean_one(opt: Options, tmp_path: Path) -> None:
    for stem in ('cat-1', 'cat-2', 'dog-1'):
        write(tmp_path / 'marked' / f'{stem}.png', coordinates())
        write(tmp_path / 'marks' / f'{stem}.png', coordinate_mask())
    for stem in ('cat', 'dog', 'fox'):
        write(tmp_path / 'natural' / f'{stem}.png', coordinates())
    opt.update(
        dataroot_lq=str(tmp_path / 'marked'),
        dataroot_gt=str(tmp_path / 'natural'),
        lq_template='{}-*',
        dataroot_mask=str(tmp_path / 'marks'),
        mask_template='{}-*',
    )
    with pytest.raises(ValueError, match=r"(?s)1 of 3 images in 'dataroot_gt' have no partner in 'dataroot_lq'.*fox"):
        build(opt)
    dataset = build({**opt, 'allow_unused': True})
    assert [Path(dataset[index]['gt_path']).stem for index in range(3)] == ['cat', 'cat', 'dog']
    (tmp_path / 'marks' / 'cat-2.png').unlink()
    with pytest.raises(ValueError, match=r"1 of 3 .*no partner in 'dataroot_mask'.*cat-2.png \('cat-2'\)"):
        build({**opt, 'allow_unused': True})


def test_several_roots_are_matched_one_by_one(opt: Options, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / 'lq', tmp_path / 'lq2')
    other = tmp_path / 'gt2'
    for index in range(3):
        write(other / f'{index:03d}.png', coordinates(50 + index))
    roots = {'dataroot_lq': [opt['dataroot_lq'], str(tmp_path / 'lq2')]}
    dataset = build({**opt, **roots, 'dataroot_gt': [opt['dataroot_gt'], str(other)]})
    blues = [round(float(dataset[index]['gt'][2, 0, 0]) * 255) for index in range(6)]
    assert blues == [20, 21, 22, 50, 51, 52]  # and both share the masks
    with pytest.raises(
        ValueError, match="'dataroot_gt' expects one folder, or as many as 'dataroot_lq', which has 1, got 2"
    ):
        build({**opt, 'dataroot_gt': [opt['dataroot_gt'], str(other)]})


@pytest.mark.parametrize('role', ['gt', 'mask'])
def test_missing_partner(opt: Options, tmp_path: Path, role: str) -> None:
    for name in ('000', '002'):
        (tmp_path / role / f'{name}.png').unlink()
    with pytest.raises(
        ValueError,
        match=rf"data set 'Tiny': 2 of 3 images in 'dataroot_lq' have no partner in "
        rf"'dataroot_{role}' \({tmp_path}/{role}\).*lq/000.png \('000'\), .*lq/002.png \('002'\)",
    ):
        build(opt)


def test_clean_image_left_over(opt: Options, tmp_path: Path) -> None:
    (tmp_path / 'lq' / '001.png').unlink()
    with pytest.raises(
        ValueError,
        match=r"1 of 3 images in 'dataroot_gt' have no partner in 'dataroot_lq'; the first: "
        r'.*gt/001.png\. .*allow_unused',
    ):
        build(opt)
    dataset = build({**opt, 'allow_unused': True})
    assert [Path(dataset[index]['gt_path']).stem for index in range(len(dataset))] == ['000', '002']


def test_two_images_of_a_name(opt: Options, tmp_path: Path) -> None:
    write(tmp_path / 'gt' / '001.bmp', coordinates())
    with pytest.raises(ValueError, match=r"two images are called '001': .*001.bmp and .*001.png"):
        build(opt)


@pytest.mark.parametrize('role', ['gt', 'mask'])
def test_unequal_sizes(opt: Options, tmp_path: Path, role: str) -> None:
    write(tmp_path / role / '001.png', coordinate_mask()[:30])
    dataset = build(opt)
    dataset[0]
    with pytest.raises(
        ValueError,
        match=rf"data set 'Tiny': .*48 x 40 pixels in .*lq/001.png and 48 x 30 in "
        rf'.*{role}/001.png',
    ):
        dataset[1]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'gt_sise': 32}, r"unknown option 'gt_sise'. Did you mean 'gt_size'\?"),
        ({'gt_size': 8}, "'gt_size' expects a whole number of at least 16, got 8"),
        ({'gt_size': None, 'phase': 'train'}, "'gt_size' expects a whole number of at least 16, got null"),
        ({'lq_template': 'rain'}, "'lq_template' expects a template of names with one '{}'"),
        ({'gt_template': '{}-*'}, r"'gt_template' is '{}-\*', but there is no '\*' in 'lq_template' \('{}'\)"),
        ({'gt_template': '{}_clean'}, "no partner in 'dataroot_gt'|none of the 3 images"),
        ({'lq_template': '{}_x'}, "'lq_template' is '{}_x', but none of the 3 images in .*lq is named so; .*000.png"),
        ({'mask_threshold': 0.1}, "'mask_threshold' would have no effect, since 'dataroot_mask' is given"),
        ({'dataroot_mask': None, 'mask_inverted': True}, "'mask_inverted' would have no effect.* is missing"),
        ({'dataroot_mask': None, 'mask_threshold': 0}, "'mask_threshold' expects a number from 0.0039"),
        ({'dataroot_lq': None}, "'dataroot_lq' is missing"),
        ({'crop_scale': 0}, "'crop_scale' expects shares above 0"),
        ({'io_backend': {'type': 'lmdb'}}, r"every root has to end with '\.lmdb', but .*lq does not"),
        ({'phase': 'train', 'dataset_enlarge_ratio': 1.5}, "'dataset_enlarge_ratio' expects a whole number"),
    ],
)
def test_wrong_options(opt: Options, changes: Options, message: str) -> None:
    with pytest.raises(ValueError, match=f"data set 'Tiny'.*({message})"):
        build({**opt, **changes})


def test_missing_folder(opt: Options, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="data set 'Tiny', 'dataroot_gt': .*/nowhere: expected a folder"):
        build({**opt, 'dataroot_gt': str(tmp_path / 'nowhere')})


def test_options_are_left_alone(opt: Options) -> None:
    before = dict(opt)
    assert build(opt).opt is opt
    assert opt == before


def test_real_watermarks(shared_dir: Path) -> None:
    folder = str(shared_dir / 'data' / 'watermark' / 'pairs_synth')
    dataset = build(
        {
            'phase': 'val',
            'gt_size': 128,
            **{f'dataroot_{role}': folder for role in ('lq', 'gt', 'mask')},
            'lq_template': '{}_wm',
            'gt_template': '{}_clean',
            'mask_template': '{}_mask',
        }
    )
    assert len(dataset) == 27
    sample = dataset[5]
    difference = (sample['lq'] - sample['gt']).abs().amax(0)
    inside, outside = (difference[sample['mask'][0] == value].mean() for value in (0, 1))
    assert inside > 10 * outside


@pytest.mark.parametrize('role', ['lq', 'gt', 'mask'])
def test_two_images_of_one_name_are_refused(opt: Options, role: str) -> None:
    folder = Path(opt[f'dataroot_{role}'])
    shutil.copy(folder / '001.png', folder / '001.jpg')
    with pytest.raises(ValueError, match=rf"'dataroot_{role}': two images are called '001': .*001\.jpg and .*001\.png"):
        build(opt)


@pytest.fixture
def opt_wm(opt: Options, tmp_path: Path) -> Options:
    """With pictures of the watermarks under names of their own."""
    for index in range(3):
        write(tmp_path / 'wm' / f'{index:03d}_wm.png', coordinates(30 + index))
    return {**opt, 'dataroot_wm': str(tmp_path / 'wm'), 'wm_template': '{}_wm'}


def test_watermark_is_cut_as_the_images_are(opt_wm: Options) -> None:
    for phase in (opt_wm, training(opt_wm, crop_scale=[0.8, 0.8], use_hflip=True)):
        sample = build(phase)[1]
        assert sample['wm'].shape == sample['lq'].shape
        assert torch.equal(sample['wm'][:2], sample['lq'][:2])
        assert torch.allclose(255 * sample['wm'][2], torch.tensor(31.0))


def test_without_watermarks_there_is_no_picture(opt: Options) -> None:
    assert 'wm' not in build(opt)[0]


def test_missing_watermark_is_told(opt_wm: Options, tmp_path: Path) -> None:
    (tmp_path / 'wm' / '001_wm.png').unlink()
    with pytest.raises(ValueError, match="no partner in 'dataroot_wm'.*001_wm"):
        build(opt_wm)


def test_watermark_of_another_size_is_told(opt_wm: Options, tmp_path: Path) -> None:
    write(tmp_path / 'wm' / '000_wm.png', coordinates()[1:])
    with pytest.raises(ValueError, match='expected images of one size.*000_wm'):
        build(opt_wm)[0]


def test_template_without_watermarks_is_refused(opt: Options) -> None:
    with pytest.raises(ValueError, match="'wm_template'.* 'dataroot_wm' is missing"):
        build({**opt, 'wm_template': '{}_wm'})
