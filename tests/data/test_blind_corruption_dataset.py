from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from basicsr.data import build_dataloader, build_dataset
from basicsr.data.data_sampler import EnlargedSampler
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from torch.utils.data import DataLoader

from hcl_arch.data import dataset_options
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.corruptions.corruption_options import KINDS
from hcl_arch.data.corruptions.everyday.kinds import EVERYDAY_KINDS
from tests.data.conftest import stem_from_spawned_worker

SIZE = 32
Options = dict[str, Any]


def build(opt: Options) -> Any:
    """Return the data set, its samples untyped."""
    return BlindCorruptionDataset(opt)


def read_rgb(path: str) -> NDArray[Any]:
    image = cv2.imread(path)
    assert image is not None
    return image[..., ::-1]


@pytest.fixture
def opt(make_folder: Callable[..., Path]) -> Options:
    """Options of a validation set with 5 images, and 4 others as noise."""
    return {
        'name': 'Tiny',
        'type': 'BlindCorruptionDataset',
        'phase': 'val',
        'dataroot_gt': str(make_folder('truth', 5)),
        'dataroot_noise': str(make_folder('noise', 4, seed=1)),
        'gt_size': SIZE,
    }


def training(opt: Options, **changes: Any) -> Options:
    return {**opt, 'phase': 'train', 'batch_size_per_gpu': 1, 'num_worker_per_gpu': 0, **changes}


def assert_equal_samples(first: Any, second: Any, paths: bool = True) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[key]), key
        elif paths or key == 'corruption':
            assert value == second[key]


@pytest.mark.parametrize('phase', ['train', 'val', 'test'])
@pytest.mark.parametrize('kind', KINDS)
def test_sample_form(opt: Options, phase: str, kind: str) -> None:
    dataset = build_dataset({**opt, 'phase': phase, 'corruptions': {kind: 1.0}})
    assert isinstance(dataset, BlindCorruptionDataset)
    sample: Options = {**dataset[3]}
    assert set(sample) == {'lq', 'gt', 'noise', 'mask', 'lq_path', 'gt_path', 'corruption'}
    for key, channels in (('lq', 3), ('gt', 3), ('noise', 3), ('mask', 1)):
        assert sample[key].shape == (channels, SIZE, SIZE)
        assert sample[key].dtype == torch.float32
        assert sample[key].is_contiguous()
        assert sample[key].min() >= 0
        assert sample[key].max() <= 1
    assert set(sample['mask'].unique().tolist()) <= {0.0, 1.0}
    if kind not in EVERYDAY_KINDS:  # those bring their own share
        assert 0.09 <= 1 - sample['mask'].mean() <= 0.51
    assert sample['lq_path'] == sample['gt_path'] == f'{opt["dataroot_gt"]}/003.png'
    assert sample['corruption'] == kind


def test_mask_one_is_the_truth_and_zero_the_noise(opt: Options) -> None:
    """Far from the edges (12 pixels = 4 sigma) the input is exactly one of the two."""
    masks: Options = {'masks': {'rectangles': 1}, 'hole_share': [0.5, 0.5]}
    dataset = build({**opt, 'gt_size': 128, 'corruptions': {'noise': 1.0}, **masks})
    seen = [0, 0]
    for index in range(5):
        sample = {key: value.numpy() for key, value in dataset[index].items() if isinstance(value, torch.Tensor)}
        holes = sample['mask'][0] == 0
        near = np.ones((27, 27), bool)
        for place, region, source in ((0, ~holes, 'gt'), (1, holes, 'noise')):
            deep = ~binary_dilation(~region, near)
            seen[place] += int(deep.sum())
            np.testing.assert_allclose(sample['lq'][:, deep], sample[source][:, deep], atol=0.5 / 255 + 1e-5)
    assert min(seen) > 500


def test_hard_edges_without_blur(opt: Options) -> None:
    sample = build({**opt, 'blur_sigma': 0})[0]
    assert torch.equal(sample['lq'], torch.where(sample['mask'] == 1, sample['gt'], sample['noise']))


def test_validation_truth_is_the_centre_square_in_rgb(opt: Options) -> None:
    image = read_rgb(opt['dataroot_gt'] + '/002.png')[:, 4:44]  # 40 x 48 -> 40 x 40
    expected = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(build(opt)[2]['gt'].numpy(), expected, atol=1e-6)


def test_validation_is_the_same_in_two_instances_and_differs_by_index_and_seed(opt: Options) -> None:
    opt['corruptions'] = {'patch': 1.0, 'noise': 1.0, 'constant': 1.0}
    first = build(opt)
    torch.manual_seed(123)
    second = build(copy.deepcopy(opt))
    for index in (4, 0, 2):  # in any order
        assert_equal_samples(first[index], second[index])
    assert_equal_samples(first[4], second[4])
    assert not torch.equal(first[0]['mask'], first[1]['mask'])
    other = build({**opt, 'seed': 1})
    assert not torch.equal(first[0]['mask'], other[0]['mask'])


@pytest.mark.parametrize('context', ['fork', 'spawn'])
def test_workers_give_the_same_samples(
    opt: Options, make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path], tmp_path: Path, context: str
) -> None:
    """Truth, noise and masks from LMDBs that are open when the workers start; persistent workers, two passes."""
    masks = make_folder('masks', 4, seed=2)
    opt = {
        **opt,
        'dataroot_gt': str(to_lmdb(tmp_path / 'truth')),
        'dataroot_noise': str(to_lmdb(tmp_path / 'noise')),
        'dataroot_mask': str(to_lmdb(masks)),
        'mask_cache': 1,
        'io_backend': {'type': 'lmdb'},
        'corruptions': dict.fromkeys(KINDS, 1),
    }
    dataset = build(opt)
    expected = [dataset[index] for index in range(5)]
    loader = DataLoader(
        dataset, batch_size=None, num_workers=2, multiprocessing_context=context, persistent_workers=True
    )
    for _ in range(2):
        samples = list(loader)
        assert len(samples) == 5
        for sample, wanted in zip(samples, expected):
            assert_equal_samples(sample, wanted)
    assert_equal_samples(dataset[0], expected[0])


def test_lmdb_gives_the_same_samples_as_the_folder(
    opt: Options, to_lmdb: Callable[[Path], Path], tmp_path: Path
) -> None:
    target = str(to_lmdb(tmp_path / 'truth'))
    from_lmdb = {
        **opt,
        'dataroot_gt': target,
        'dataroot_noise': str(to_lmdb(tmp_path / 'noise')),
        'io_backend': {'type': 'lmdb'},
    }
    files, entries = build(opt), build(from_lmdb)
    for index in range(5):
        assert_equal_samples(files[index], entries[index], paths=False)
    assert entries[1]['gt_path'] == f'{target}/001'


def test_training_and_validation_share_an_lmdb_before_and_after_a_fork(
    opt: Options, to_lmdb: Callable[[Path], Path], tmp_path: Path
) -> None:
    target = str(to_lmdb(tmp_path / 'truth'))
    validation = build({**opt, 'dataroot_gt': target, 'dataroot_noise': target})
    train = build(training(opt, dataroot_gt=target, dataroot_noise=target))
    before = validation[0]
    train[0]
    for _ in range(2):
        assert len(list(DataLoader(train, batch_size=None, num_workers=2, multiprocessing_context='fork'))) == 5
        assert_equal_samples(validation[0], before)


def test_training_differs_between_epochs_although_numpy_is_reset(opt: Options) -> None:
    """BasicSR gives numpy's workers the same seed in every epoch."""
    dataset_opt = training(opt, batch_size_per_gpu=5, num_worker_per_gpu=2)
    dataset = build(dataset_opt)
    sampler = EnlargedSampler(dataset, 1, 0, 1)
    loader = build_dataloader(dataset, dataset_opt, num_gpu=0, sampler=sampler, seed=0)
    epochs = [next(iter(loader)) for _ in range(2)]  # without set_epoch: the same order of images
    assert epochs[0]['gt_path'] == epochs[1]['gt_path']
    for index in range(5):
        assert not torch.equal(epochs[0]['mask'][index], epochs[1]['mask'][index])
        assert not torch.equal(epochs[0]['noise'][index], epochs[1]['noise'][index])


def test_training_follows_torchs_seed(opt: Options) -> None:
    dataset = build(training(opt))
    samples = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        samples.append(dataset[2])
    assert_equal_samples(samples[0], samples[1])
    assert not torch.equal(samples[0]['mask'], samples[2]['mask'])


@pytest.mark.parametrize('use_hflip', [True, False])
def test_mirroring(opt: Options, use_hflip: bool) -> None:
    opt['dataroot_gt'] = opt['dataroot_noise']
    dataset = build(training(opt, use_hflip=use_hflip, gt_size=40))
    image = read_rgb(opt['dataroot_gt'] + '/000.png')
    mirrored = []
    for seed in range(30):
        torch.manual_seed(seed)
        truth = (dataset[0]['gt'].numpy().transpose(1, 2, 0) * 255).round()
        crops = [image[:, left : left + 40] for left in range(9)]  # 40 x 48: nine places
        straight = any(np.array_equal(truth, crop) for crop in crops)
        assert straight or any(np.array_equal(truth, crop[:, ::-1]) for crop in crops)
        mirrored.append(not straight)
    assert 5 < sum(mirrored) < 25 if use_hflip else not any(mirrored)


def test_crop_scale_enlarges_a_part(opt: Options) -> None:
    whole = build(training(opt))
    part = build(training(opt, crop_scale=[0.25, 0.25]))
    spread = [float(np.mean([dataset[0]['gt'].std() for _ in range(10)])) for dataset in (whole, part)]
    assert spread[1] < 0.8 * spread[0]  # a quarter of a smooth image varies less


def test_native_samples_are_enlarged_after_all_that_happens_to_them(opt: Options) -> None:
    plain = training(opt, gt_size=40, corruptions={'noise': 1}, blur_sigma=0, masks={'rectangles': 1})
    degraded = {**plain, 'degradation': {'noise_prob': 1, 'noise_sigma': 10}}
    steps = {}
    for name, options in (('plain', plain), ('degraded', degraded)):
        for native in (0, 1):
            sample = build({**options, 'native_prob': native, 'native_size': [20, 20]})[0]
            assert all(sample[key].shape == (3, 40, 40) for key in ('lq', 'gt', 'noise'))
            mask = sample['mask'][0].numpy()
            assert set(np.unique(mask)) == {0, 1}
            blocks = mask.reshape(20, 2, 20, 2).swapaxes(1, 2).reshape(400, 4)
            # Enlarged twice, a hard edge lies between blocks of 2 x 2 pixels.
            assert bool((blocks.min(1) == blocks.max(1)).all()) or not native
            kept = (mask[:, 1:] > 0) & (mask[:, :-1] > 0)
            steps[name, native] = float(np.abs(np.diff((sample['lq'] - sample['gt']).numpy(), axis=2))[:, kept].mean())
    # Degraded before it was enlarged: neighbours differ less than by noise at the final size.
    assert 0 < steps['degraded', 1] < 0.7 * steps['degraded', 0]
    assert steps['plain', 0] == 0


def test_native_samples_are_never_larger_than_their_crop(opt: Options) -> None:
    """The images are 40 x 48; a crop of 24 pixels enlarged twice has hard edges between whole blocks only."""
    dataset = build(
        training(
            opt,
            gt_size=48,
            corruptions={'constant': 1},
            blur_sigma=0,
            masks={'rectangles': 1},
            crop_scale=[0.6, 0.6],
            native_prob=1,
            native_size=48,
        )
    )
    for index in range(4):
        blocks = dataset[index]['mask'][0].numpy().reshape(24, 2, 24, 2).swapaxes(1, 2).reshape(576, 4)
        assert (blocks.min(1) == blocks.max(1)).all()


@pytest.mark.parametrize(
    ('images', 'batch', 'world', 'length'), [(8, 3, 1, 9), (2, 3, 1, 3), (8, 3, 2, 12), (6, 3, 2, 6), (1, 4, 2, 8)]
)
def test_training_length_is_whole_batches(
    opt: Options,
    make_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    images: int,
    batch: int,
    world: int,
    length: int,
) -> None:
    monkeypatch.setattr(dataset_options, 'get_dist_info', lambda: (0, world))
    dataset = build(training(opt, dataroot_gt=str(make_folder('some', images)), batch_size_per_gpu=batch))
    assert len(dataset) == length
    names = [dataset[index]['gt_path'][-7:-4] for index in range(length)]
    assert names == [f'{index % images:03d}' for index in range(length)]
    with pytest.raises(IndexError, match=f"data set 'Tiny': sample {length} of {length}"):
        dataset[length]


def test_length_is_that_of_the_group_it_was_built_in(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spawned worker belongs to no group of processes, but gets the sampler's indices, up to the last one."""
    with monkeypatch.context() as group:
        group.setattr(dataset_options, 'get_dist_info', lambda: (1, 2))
        dataset = build(training(opt, batch_size_per_gpu=4))
    assert len(dataset) == 8
    assert Path(dataset[7]['gt_path']).stem == '002'
    copied = pickle.loads(pickle.dumps(dataset))
    assert len(copied) == 8
    torch.manual_seed(3)
    expected = dataset[7]
    torch.manual_seed(3)
    assert_equal_samples(copied[7], expected)
    assert len(build(training(opt, batch_size_per_gpu=5))) == 5  # without a group


def test_a_spawned_worker_serves_the_last_index_of_a_group(opt: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as group:
        group.setattr(dataset_options, 'get_dist_info', lambda: (1, 2))
        dataset = build(training(opt, batch_size_per_gpu=4))
    assert stem_from_spawned_worker(dataset, 7) == '002'


@pytest.mark.parametrize('images', [8, 2])
@pytest.mark.parametrize('ratio', [1, 5])
def test_basicsr_loads_as_many_batches_as_it_counts(
    opt: Options, make_folder: Callable[..., Path], images: int, ratio: int
) -> None:
    dataset_opt = training(opt, dataroot_gt=str(make_folder('some', images)), batch_size_per_gpu=3)
    dataset = build(dataset_opt)
    sampler = EnlargedSampler(dataset, 1, 0, ratio)
    loader = build_dataloader(dataset, dataset_opt, num_gpu=0, sampler=sampler, seed=0)
    assert len(loader) == math.ceil(len(dataset) * ratio / 3)
    assert len(list(loader)) == len(loader)


def test_validation_length_and_max_samples(opt: Options) -> None:
    assert len(build({**opt, 'batch_size_per_gpu': 3})) == 5
    first = build({**opt, 'max_samples': 2})
    assert len(first) == 2
    assert_equal_samples(first[1], build(opt)[1])
    assert len(build({**opt, 'max_samples': 9})) == 5


def test_noise_is_never_the_truth_itself(opt: Options, make_folder: Callable[..., Path]) -> None:
    folder = str(make_folder('two', 2, height=SIZE, width=SIZE, seed=5))
    dataset = build({**opt, 'dataroot_gt': folder, 'dataroot_noise': [folder]})
    first, second = dataset[0], dataset[1]
    assert torch.equal(first['noise'], second['gt'])
    assert torch.equal(second['noise'], first['gt'])
    train = build(training(dataset.opt))
    assert not any(torch.equal(train[0]['noise'], first['gt']) for _ in range(20))


@pytest.mark.parametrize('noise', ['only', 'truth_alone', 'twice'])
def test_one_noise_image_is_refused(opt: Options, make_folder: Callable[..., Path], noise: str) -> None:
    folder = str(make_folder('one', 1))
    roots = {'only': folder, 'truth_alone': folder, 'twice': [folder, folder]}[noise]
    truth = folder if noise == 'truth_alone' else opt['dataroot_gt']
    with pytest.raises(ValueError, match=r"'dataroot_noise' expects at least 2 different images, found 1 in .*/one"):
        build({**opt, 'dataroot_gt': truth, 'dataroot_noise': roots})


def test_input_has_8_bit(opt: Options) -> None:
    """As files have it: what lies between two gray levels would tell where the content was blended in."""
    for kind in KINDS:
        levels = build({**opt, 'corruptions': {kind: 1}})[0]['lq'].numpy() * 255
        np.testing.assert_allclose(levels, levels.round(), atol=1e-4)


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize(('crop_scale', 'side'), [([1.0, 1.0], 80), ([1.0, 1.0], 300), ([0.2, 0.3], 330)])
def test_noise_is_as_sharp_as_the_truth(
    opt: Options, tmp_path: Path, phase: str, crop_scale: list[float], side: int
) -> None:
    """Truth and noise out of the same JPEGs: decoding and crops must not make one of them sharper."""
    rng = np.random.default_rng(0)
    (tmp_path / 'photos').mkdir()
    for number in range(12):
        # Noise of all scales, as photographs have it.
        image = sum(cv2.resize(rng.normal(0, 1, (2**octave, 2**octave, 3)), (side, side)) for octave in range(2, 9))
        image = np.clip(128 + 22 * np.asarray(image), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / 'photos' / f'{number:02d}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    photos = str(tmp_path / 'photos')
    dataset = build(
        {
            **opt,
            'phase': phase,
            'batch_size_per_gpu': 1,
            'dataroot_gt': photos,
            'dataroot_noise': photos,
            'crop_scale': crop_scale,
        }
    )
    sharpness: dict[str, list[float]] = {'gt': [], 'noise': []}
    for index in [*range(12)] * 3:
        sample = dataset[index]
        for key, values in sharpness.items():
            image = sample[key].numpy().transpose(1, 2, 0)
            values.append(float(cv2.Laplacian(image, cv2.CV_32F).std() / image.std()))
    assert np.mean(sharpness['noise']) == pytest.approx(np.mean(sharpness['gt']), rel=0.06)


def test_noise_crop_is_not_enlarged(opt: Options, make_folder: Callable[..., Path]) -> None:
    """A photograph of the sample's size is taken as it is: enlarging would blur it and give the noise away."""
    folder = make_folder('photos', 2, height=SIZE, width=SIZE, seed=9)
    noise = build({**opt, 'dataroot_noise': str(folder)})[0]['noise'].numpy().transpose(1, 2, 0)
    photos = [read_rgb(str(folder / name)) for name in ('000.png', '001.png')]
    assert any(np.array_equal((noise * 255).round(), photo) for photo in photos)


def test_ranges_of_hole_share_take_turns_in_validation(opt: Options) -> None:
    ranges = [[0.0, 0.1], [0.3, 0.4], [0.6, 0.7]]
    dataset = build({**opt, 'hole_share': ranges})
    for index in range(5):
        least, most = ranges[index % 3]
        assert least <= 1 - dataset[index]['mask'].mean() <= most


def test_ranges_of_hole_share_are_drawn_in_training(opt: Options) -> None:
    dataset = build(training(opt, hole_share=[[0.0, 0.1], [0.6, 0.7]], corruptions={'noise': 1}))
    shares = np.array([1 - dataset[0]['mask'].mean().item() for _ in range(40)])
    few = shares <= 0.1
    assert (few | ((shares >= 0.6) & (shares <= 0.7))).all()
    assert 8 < few.sum() < 32


def test_options_of_a_corruption_go_before_those_of_the_data_set(opt: Options) -> None:
    corruptions = {
        'veil': {'type': 'constant', 'colour': [255, 0, 0], 'opacity': 0.5, 'hole_share': [0.8, 0.9], 'blur_sigma': 0}
    }
    sample = build({**opt, 'corruptions': corruptions})[0]
    assert sample['corruption'] == 'veil'
    holes = sample['mask'][0] == 0
    assert 0.8 <= holes.float().mean() <= 0.9
    veil = (sample['gt'] + torch.tensor([1.0, 0, 0])[:, None, None]) / 2
    torch.testing.assert_close(sample['lq'][:, holes], veil[:, holes], atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(sample['noise'], veil, atol=1e-6, rtol=0)


def test_a_patch_entry_can_have_photographs_of_its_own(opt: Options, tmp_path: Path) -> None:
    (tmp_path / 'white').mkdir()
    for name in 'ab':
        cv2.imwrite(str(tmp_path / 'white' / f'{name}.png'), np.full((SIZE, SIZE, 3), 255, np.uint8))
    opt = {**opt, 'corruptions': {'faces': {'type': 'patch', 'dataroot': str(tmp_path / 'white')}}}
    assert (build(opt)[0]['noise'] == 1).all()
    del opt['dataroot_noise']
    assert (build(opt)[0]['noise'] == 1).all()


@pytest.mark.parametrize(
    ('corruptions', 'message'),
    [
        ({'faces': {'type': 'patch', 'dataroot': 'nowhere'}}, r"corruption 'faces', 'dataroot': nowhere: expected"),
        ({'graffiti': {'dataroot': 'nowhere'}}, r"corruption 'graffiti', 'dataroot': nowhere: expected"),
    ],
)
def test_missing_folder_of_a_corruption_is_named(opt: Options, corruptions: Options, message: str) -> None:
    with pytest.raises(FileNotFoundError, match=message):
        build({**opt, 'corruptions': corruptions})


def test_blur_range_is_drawn_from(opt: Options) -> None:
    """At the edge of the hole the softness tells sigma: it varies with a range and not without one."""
    corruptions = {'constant': {'colour': [255, 255, 255]}}
    spreads = []
    for blur in (4.0, [0.5, 8.0]):
        dataset = build({**opt, 'gt_size': 128, 'masks': {'half': 1}, 'corruptions': corruptions, 'blur_sigma': blur})
        slopes = []
        for index in range(5):
            sample = dataset[index]
            change = (sample['lq'] - sample['gt']).abs() / (1 - sample['gt']).clamp(min=1e-3)
            slopes.append(float(((change > 0.05) & (change < 0.95)).float().mean()))
        spreads.append(max(slopes) - min(slopes))
    assert spreads[0] < 0.02 < spreads[1]


def test_reduced_decoding_in_training_keeps_the_image(opt: Options, tmp_path: Path) -> None:
    """A JPEG four times as large as needed, with a whole-image crop: the same picture as from the full size."""
    (tmp_path / 'large').mkdir()
    ramp = np.linspace(0, 255, 4 * SIZE).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'large' / 'x.jpg'), np.broadcast_to(ramp[None, :, None], (4 * SIZE, 4 * SIZE, 3)))
    opt = {**opt, 'dataroot_gt': str(tmp_path / 'large'), 'corruptions': {'noise': 1}}
    whole = build(opt)[0]['gt']
    torch.testing.assert_close(build(training(opt, use_hflip=False))[0]['gt'], whole, atol=0.02, rtol=0)


def test_validation_decodes_at_full_size(opt: Options, tmp_path: Path) -> None:
    (tmp_path / 'large').mkdir()
    image = np.random.default_rng(0).integers(0, 256, (8 * SIZE, 8 * SIZE, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'large' / 'x.jpg'), image)
    full = read_rgb(str(tmp_path / 'large' / 'x.jpg'))
    expected = cv2.resize(full, (SIZE, SIZE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1) / 255
    truth = build({**opt, 'dataroot_gt': str(tmp_path / 'large')})[0]['gt']
    np.testing.assert_allclose(truth.numpy(), expected, atol=1e-6)


def test_mask_folder_and_polarity(opt: Options, tmp_path: Path) -> None:
    (tmp_path / 'masks').mkdir()
    white_third = np.zeros((30, 30), np.uint8)
    white_third[:10] = 255
    cv2.imwrite(str(tmp_path / 'masks' / 'm.png'), white_third)
    opt = {**opt, 'gt_size': 30, 'dataroot_mask': str(tmp_path / 'masks'), 'hole_share': [0, 1]}
    assert build(opt)[0]['mask'].mean() == pytest.approx(2 / 3)
    assert build({**opt, 'mask_inverted': True})[0]['mask'].mean() == pytest.approx(1 / 3)


@pytest.mark.parametrize(('hole_share', 'expected'), [([0, 0], 'gt'), ([1, 1], 'noise')])
def test_empty_and_full_masks(opt: Options, hole_share: list[float], expected: str) -> None:
    sample = build({**opt, 'hole_share': hole_share})[0]
    torch.testing.assert_close(sample['lq'], sample[expected], atol=1e-6, rtol=0)


def test_options_stay_as_they_are(opt: Options) -> None:
    opt.update(masks={'free_form': 1}, corruptions={'patch': 2, 'noise': 1}, dataroot_noise=[opt['dataroot_noise']])
    before = copy.deepcopy(opt)
    dataset = build(opt)
    dataset[0]
    assert opt == before
    assert dataset.opt['name'] == 'Tiny'


@pytest.mark.parametrize('key', ['dataroot_gt', 'dataroot_noise', 'dataroot_mask'])
def test_missing_folder_names_the_option(opt: Options, key: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"data set 'Tiny', '{key}': .*nowhere: expected a folder"):
        build({**opt, key: str(tmp_path / 'nowhere')})


@pytest.mark.parametrize('key', ['dataroot_gt', 'dataroot_noise', 'dataroot_mask'])
def test_folder_without_images_names_the_option(opt: Options, key: str, tmp_path: Path) -> None:
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match=rf"'{key}': .*empty: expected images"):
        build({**opt, key: str(tmp_path / 'empty')})


def test_unknown_option(opt: Options) -> None:
    with pytest.raises(ValueError, match=r"data set 'Tiny': unknown option 'blur_sgima'\. Did you mean 'blur_sigma'\?"):
        build({**opt, 'blur_sgima': 1})
