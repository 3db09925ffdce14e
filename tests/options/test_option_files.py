"""Option files that belong together fit, have the paper's settings, and run when shrunk.

That each is understood by BasicSR and by our checks: `tests/option_checks/test_no_false_alarms.py`.
"""

from __future__ import annotations

import copy
import csv
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
import torch
from basicsr.archs import build_network
from basicsr.data import build_dataset
from basicsr.models import build_model
from torch import nn
from torch.utils.data import DataLoader

from hcl_arch.commands.report.paper_tables import read_paper
from hcl_arch.commands.report.runs_file import check_entries, read_runs_file
from hcl_arch.model_files.network import without_files
from hcl_arch.option_checks.problems import find_problems
from tests.options.option_files import (
    ABLATIONS,
    EXPERIMENTS,
    FILES,
    OPTIONS,
    REPOSITORY,
    TRAININGS,
    Command,
    documented_commands,
    read,
)

TEST_FILES = [name for name in FILES if name.startswith('test_')]
NAMES = [*FILES, *ABLATIONS]
# Of the model in the package: no experiment of the paper, with data of its own.
PACKAGED = ('train_hcl_small_first', 'train_hcl_small', 'train_restorer_small', 'train_repair_small', 'test_hcl_small')
# Of the paper's experiments; the others have pages of their own.
EXPERIMENT_FILES = [
    name for name, path in FILES.items()
    if path.parent.name != 'small' and not name.endswith('_demo') and name not in PACKAGED
]  # fmt: skip
SIZE = 32
# Widths of the groups of a tiny VGG-19.
VGG_DIMS = [2, 3, 4, 5, 6]
SMALL_BASELINES: dict[str, dict[str, Any]] = {
    'MPRNet': {'dim': 4, 'dim_step': 2, 'last_dim_step': 2, 'n_blocks': 1},
    'SplitThenRefine': {'dim': 2, 'n_units': 1, 'gate_reduction': 2, 'attention_reduction': 2},
    'BVMR': {'dim': 2, 'n_units': 1},
    'BS2AM': {'dim': 4, 'n_levels': 5},
    'SIRF': {'dim': 4, 'vgg_weights': 'random', 'vgg_dims': VGG_DIMS},
    'DHAN': {'dim': 8, 'vgg_weights': 'random', 'vgg_dims': VGG_DIMS},
}
WEIGHTS = re.compile(r'experiments/(\w+)/models/net_[gd]_latest\.pth')
# How the clusters are looked for: no weights depend on it, and a test may take longer over it.
SEARCH = ('kmeans_iters', 'kmeans_repeats')
# What a training begins with, and what it sees of an image: the weights are of the same form with and without.
TRAINING_ONLY = ('backbone_weights', 'look_window', 'weight_init')
# How one part is trained while the other is kept, and how a test looks at a small picture.
IN_TRAINING = (
    'grow_in_training', 'freeze_detector', 'freeze_filler', 'detector_weights', 'filler_weights', 'detect_enlarged',
)  # fmt: skip
PARTS = ('detector', 'restorer')


TESTS = [*map(Command, TEST_FILES), *documented_commands('hcl-test')]


# ------------------------------------------------------------------ each file by itself


@pytest.mark.parametrize('name', ABLATIONS)
def test_basicsr_reads_the_ablation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ABLATIONS[name].parse(monkeypatch, is_train=name in TRAININGS)
    assert options['name'] == name
    assert all('Correct the path' in line for line in find_problems(options))  # of files that are not here


def on_meta(options: Mapping[str, Any]) -> nn.Module:
    """The network without memory for its weights, and without looking for those of its parts."""
    return _on_meta(json.dumps(without_files(options)))


@functools.cache  # most files share their networks
def _on_meta(options: str) -> nn.Module:
    with torch.device('meta'):
        return build_network(json.loads(options))


def test_metrics_know_what_is_better() -> None:
    for options in [read(name) for name in NAMES if 'val' in read(name)]:
        for metric in options['val']['metrics'].values():
            lower = metric['type'] in ('calculate_mask_bce', 'calculate_hcl_lpips', 'HCLFID')
            assert metric.get('better', 'higher') == ('lower' if lower else 'higher')


# ------------------------------------------------------------------ files that belong together


def trained_by(path: str) -> dict[str, Any]:
    """Options of the run that a path of weights belongs to."""
    match = WEIGHTS.fullmatch(path)
    assert match is not None, path
    assert match[1] in TRAININGS
    return read(match[1])


def without(keys: Sequence[str], network: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: without(keys, value) if isinstance(value, Mapping) else value
        for key, value in network.items() if key not in keys
    }  # fmt: skip


@pytest.mark.parametrize('command', TESTS, ids=str)
def test_tests_the_network_that_was_trained(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    options = command.parse(monkeypatch)
    path = options['path']['pretrain_network_g']
    if path is None:
        assert all(options['network_g'][f'{part}_weights'] for part in PARTS)
        return
    trained = trained_by(path)
    other = (*SEARCH, *IN_TRAINING, 'weight_init', 'vgg_weights')
    assert without(other, options['network_g']) == without(other, trained['network_g'])
    assert options['model_type'] == trained['model_type']
    expected = options['name'].replace('test_', 'train_')
    assert trained['name'] in (
        expected, re.sub('_(unseen|bidirectional)$', '', expected), expected.replace('hcl_small', 'repair_small')
    )  # fmt: skip


@pytest.mark.parametrize('name', [name for name in TRAININGS if read(name)['path'].get('pretrain_network_g')])
def test_fine_tunes_the_network_that_was_trained(name: str) -> None:
    options = read(name)
    for network in [network for network in 'gd' if f'network_{network}' in options]:
        trained = trained_by(options['path'][f'pretrain_network_{network}'])
        assert without(TRAINING_ONLY, options[f'network_{network}']) == without(
            TRAINING_ONLY, trained[f'network_{network}'])  # fmt: skip


def weighted_parts() -> Iterator[tuple[str, str]]:
    for name in NAMES:
        for part in PARTS:
            if read(name)['network_g'].get(f'{part}_weights'):
                yield name, part


@pytest.mark.parametrize(('name', 'part'), list(weighted_parts()))
def test_parts_of_combinations_fit_the_weights_that_were_trained(name: str, part: str) -> None:
    options = read(name)['network_g']
    trained = trained_by(options[f'{part}_weights'])['network_g']
    shapes = [
        {key: value.shape for key, value in getattr(on_meta(network), part).state_dict().items()}
        for network in (options, trained)
    ]
    assert shapes[0] == shapes[1]
    settings, common = options[part], trained.get(part, trained)
    assert all(common[key] == value for key, value in settings.items() if key in common and key != 'type')


def flat(options: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """{'a': {'b': 1}} -> {'a.b': 1}."""
    leaves: dict[str, Any] = {}
    for key, value in options.items():
        leaves.update(flat(value, f'{prefix}{key}.') if isinstance(value, Mapping) else {f'{prefix}{key}': value})
    return leaves


@pytest.mark.parametrize(
    'run',
    [r'\w+?_places', r'\w+?_imagenet', r'\w+?_ffhq', r'\w+?_places512', r'\w+?_shadow', r'\w+?_graffiti', r'small_\w+'],
)
def test_all_methods_have_the_same_data_and_budget(run: str) -> None:
    trainings, tests = ([name for name in FILES if re.fullmatch(f'{kind}_{run}', name)] for kind in ('train', 'test'))
    for names in (trainings, tests):
        assert len(names) >= 2
        assert all(read(name)['datasets'] == read(names[0])['datasets'] for name in names)
    assert len({read(name)['train']['total_iter'] for name in trainings}) == 1


# ------------------------------------------------------------------ the paper's settings


class Setting(NamedTuple):
    """A line of METHOD's table of losses; the pixel loss there is for images in [-1, 1]."""

    run: str
    pixel: float
    perceptual: float
    refined_layers: tuple[str, str]
    lr: float
    dim: int
    repeats: int


SETTINGS = [
    Setting('places', 1, 0.01, ('relu2_2', 'relu3_2'), 5e-4, 64, 1),
    Setting('imagenet', 1, 0.001, ('relu4_2', 'relu5_2'), 5e-4, 64, 1),
    Setting('ffhq', 0.1, 1.0, ('relu4_2', 'relu5_2'), 1e-3, 32, 3),
    Setting('places512', 1, 0.01, ('relu4_2', 'relu5_2'), 1e-4, 64, 1),
]


@pytest.mark.parametrize('setting', SETTINGS, ids=lambda setting: setting.run)
def test_hcl_has_the_papers_settings(setting: Setting) -> None:
    options = read(f'train_hcl_{setting.run}')
    train, network = options['train'], options['network_g']
    # The L1 distance of images in [-1, 1] is twice that in [0, 1].
    assert train['pixel_opt']['loss_weight'] == 2 * setting.pixel
    for key, layers in (('perceptual_opt', setting.refined_layers), ('perceptual_coarse_opt', ('relu2_2', 'relu3_2'))):
        assert train[key]['loss_weight'] == setting.perceptual
        assert train[key]['layer_weights'] == dict.fromkeys(layers, 1.0)
    assert (train['contrastive_opt']['loss_weight'], train['gan_opt']['loss_weight']) == (0.1, 1.0)
    rates = (train['optim_g']['lr'], train['optim_g']['lr_refiner'], train['optim_d']['lr'])
    assert rates == (setting.lr, 1e-4, 1e-4)
    assert (network['dim'], network['kmeans_repeats']) == (setting.dim, setting.repeats)
    assert network['n_conv_stages'] == (1 if setting.run == 'places512' else 0)
    assert (train['phase1_iter'], train['total_iter']) == (50_000, 150_000)


def test_places_has_the_papers_sizes() -> None:
    network = on_meta(read('train_hcl_places')['network_g'])
    refiner = sum(parameter.numel() for parameter in network.refiner.parameters())
    rest = sum(parameter.numel() for parameter in network.parameters()) - refiner
    assert refiner == pytest.approx(61.56e6, rel=1e-3)
    assert rest == pytest.approx(14.06e6, rel=1e-3)


@pytest.mark.parametrize('name', [
    name for name in EXPERIMENT_FILES
    if 'hole_share_bins' in read(name).get('val', {})
])  # fmt: skip
def test_every_bin_of_the_paper_gets_its_share_of_the_images(name: str) -> None:
    options = read(name)
    for dataset in options['datasets'].values():
        ranges, images = dataset['hole_share'], dataset['max_samples']
        assert ranges == [[tenth / 10, (tenth + 1) / 10] for tenth in range(6)]
        assert images % len(ranges) == 0
    assert options['val']['hole_share_bins'] == [[0.0, 0.3], [0.3, 0.6], [0.0, 0.2], [0.2, 0.4], [0.4, 0.6]]


# ------------------------------------------------------------------ the page and the report


def test_every_file_stands_on_the_page_of_experiments() -> None:
    named = set(re.findall(r'(?<!tests/options/)\b((?:train|test)_\w+)', EXPERIMENTS))
    assert {*EXPERIMENT_FILES, *PACKAGED} <= named
    results = {str(command) for command in documented_commands('hcl-test')}
    assert named - set(NAMES) <= results


def test_every_data_set_is_prepared_as_the_pages_say() -> None:
    pages = EXPERIMENTS + (REPOSITORY / 'datasets_prep' / 'README.md').read_text(encoding='utf-8')
    prepared = set(re.findall(r'prepare_\w+\.py [^\n]*?(datasets/\w+)', pages))
    for name in EXPERIMENT_FILES:
        roots = [value for key, value in flat(read(name)['datasets']).items() if 'dataroot' in key]
        assert {str(Path(root).parent) for root in roots} <= prepared


def test_the_report_knows_every_test_and_its_data_sets() -> None:
    entries = read_runs_file(OPTIONS / 'report_paper.yml', read_paper())
    check_entries(entries)
    tests = {str(command): command for command in TESTS}
    for entry in entries:
        assert entry.folder.parent.resolve() == REPOSITORY / 'results'
        datasets = read(tests[entry.folder.name].name)['datasets']
        assert set(entry.cells or {}) <= {dataset['name'] for dataset in datasets.values()}
    for table in (1, 2, 3, 4, 5, 6, 7):
        filled = {cell.column for entry in entries for cells in (entry.cells or {}).values()
                  for cell in cells if cell.table == table}  # fmt: skip
        assert filled == set(read_paper().tables[table].columns)


# ------------------------------------------------------------------ shrunk, they run


def shrunk(options: dict[str, Any], folder: Path, tmp_path: Path, *, is_train: bool) -> dict[str, Any]:
    """The options with tiny networks and tiny data, as BasicSR's parser would hand them over."""
    options = copy.deepcopy(options)
    options.update(num_gpu=0, dist=False, rank=0, world_size=1, is_train=is_train)
    shrink_network(options['network_g'])
    if 'network_d' in options:
        options['network_d'].update(dim=2)
    for loss in options.get('train', {}).values():
        if isinstance(loss, dict) and 'vgg_weights' in loss:
            loss['vgg_weights'] = 'random'
            loss.update({'vgg_dims': VGG_DIMS} if loss['type'].startswith('SIRF') else {})
    for phase, dataset in options['datasets'].items():
        dataset.update(phase=phase.split('_')[0], gt_size=dataset['gt_size'] and SIZE, io_backend={'type': 'disk'})
        dataset.update({'native_size': [SIZE // 2, SIZE]} if 'native_size' in dataset else {})
        give_pictures(dataset, folder)
    options['path'] = {key: str(tmp_path) for key in ('models', 'training_states', 'visualization', 'results_root')}
    for metric in options.get('val', {}).get('metrics', {}).values():
        if metric['type'] in ('calculate_hcl_lpips', 'HCLFID'):
            metric['weights'] = 'random'
    return options


def give_pictures(dataset: dict[str, Any], folder: Path) -> None:
    """Let a data set read the images of one folder; fonts and RGBA pictures, which are none, are left out."""
    for key in ('dataroot_fonts', 'lq_template', 'gt_template', 'mask_template'):
        dataset.pop(key, None)
    dataset.update({key: str(folder) for key in dataset if key.startswith('dataroot')})
    for name, corruption in dataset.get('corruptions', {}).items():
        if isinstance(corruption, dict) and corruption.pop('dataroot', None):
            corruption.pop('recolour', None)  # of pictures only
            corruption.update({'dataroot': str(folder)} if corruption.get('type', name) == 'patch' else {})


def shrink_network(network: dict[str, Any]) -> None:
    small = {
        'dim': 4,
        'window_size': 4,
        'bottleneck_window_size': 4,
        'proj_dim': 4,
        'encoder_depths': [1, 1, 1],
        'depth': 1,
        'num_heads': 1,
        'image_size': SIZE,
        'num_feat': 4,
        'num_block': 1,
        'look_window': 2 * SIZE,
    }  # fmt: skip  (images are padded to as much)
    if network['type'] in SMALL_BASELINES:
        network.update(SMALL_BASELINES[network['type']])
        return
    stages = {'num_heads': network.get('num_heads'), 'encoder_depths': network.get('encoder_depths')}
    network.update({key: value for key, value in small.items() if network.get(key)})
    if 'dim_mults' in network:  # lists, one value for each stage
        network.update({key: value for key, value in stages.items() if value and len(value) != 3})
    network.pop('backbone_weights', None)
    for part in ('refiner', 'filler', *PARTS):
        network.pop(f'{part}_weights', None)
        if part in network:
            shrink_network(network[part])


@pytest.fixture
def folder(image_folder: Callable[..., Path]) -> Path:
    """Four images, which also serve as masks: their bright parts are corrupted."""
    return image_folder(4, SIZE)


# One of each kind: the others differ from them by values that the tests above look at.
TRAINED_HERE = ['train_hcl_demo', 'train_hcl_places', 'train_hcl_ffhq_no_contrast', 'train_hcl_small',
                'train_hcl_graffiti', 'train_vcnet_ffhq', 'train_vcnet_shadow', 'train_restorer_places512',
                'train_segmenter_places512']  # fmt: skip


@pytest.mark.parametrize('name', TRAINED_HERE)
def test_trains_in_every_phase(name: str, folder: Path, tmp_path: Path) -> None:
    options = shrunk(read(name), folder, tmp_path, is_train=True)
    for loss in ('perceptual_opt', 'perceptual_coarse_opt'):
        if name == 'train_hcl_places':
            options['train'][loss]['weights'] = 'random'
        else:  # VGG-19 takes longer than all the rest
            options['train'].pop(loss, None)
    if name == 'train_vcnet_ffhq':
        options['train']['texture_opt'].update(weights='random', layer_weights={'relu2_1': 1.0})
    else:
        options['train'].pop('texture_opt', None)
    options['datasets']['train']['batch_size_per_gpu'] = 2
    batch = next(iter(DataLoader(build_dataset(options['datasets']['train']), batch_size=2)))
    model = build_model(options)
    phase1_iter = options['train']['phase1_iter']
    for iteration in (1, phase1_iter, min(phase1_iter + 1, options['train']['total_iter'])):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
        assert all(np.isfinite(value) for value in model.get_current_log().values()), model.log_dict
    detects = name != 'train_restorer_places512'
    restores = name not in ('train_segmenter_places512', 'train_hcl_small')
    assert any(key.startswith(('l_contrastive', 'l_mask')) for key in model.log_dict) == detects
    assert any(key.startswith('l_pix') for key in model.log_dict) == restores
    assert ('l_texture' in model.log_dict) == (name == 'train_vcnet_ffhq')


TESTED_HERE = ['test_hcl_demo', 'test_hcl_places_unseen', 'test_hcl_ffhq_bidirectional', 'test_hcl_ffhq_single_stage',
               'test_hcl_shadow', 'test_hcl_small', 'test_vcnet_ffhq', 'test_vcnet_shadow',
               'test_hcl_graffiti', 'test_vcnet_graffiti', 'test_combined_segmenter_places512',
               'test_mprnet_places', *(f'test_{name}_watermark' for name in
               ('split_then_refine', 'bvmr', 'bs2am', 'sirf', 'dhan'))]  # fmt: skip


@pytest.mark.parametrize('name', TESTED_HERE)
def test_measures_every_data_set(name: str, folder: Path, tmp_path: Path) -> None:
    options = shrunk(read(name), folder, tmp_path, is_train=False)
    # Their networks are large, and have tests of their own.
    metrics = options['val']['metrics']
    options['val']['metrics'] = {key: value for key, value in metrics.items() if not key.startswith(('fid', 'lpips'))}
    model = build_model(options)
    for dataset_options in options['datasets'].values():
        model.validation(DataLoader(build_dataset({**dataset_options, 'max_samples': 2})), 'run', None, False)
        assert set(model.metric_results) == set(options['val']['metrics'])
        assert (tmp_path / f'{dataset_options["name"]}_bins.csv').is_file()


LOSSES_OF_BASELINES = {
    'train_mprnet_places': {'l_pixel', 'l_edge'},
    'train_split_then_refine_watermark': {'l_pixel', 'l_mask', 'l_watermark', 'l_percep', 'l_ssim'},
    'train_bvmr_watermark': {'l_pixel', 'l_mask', 'l_watermark'},
    'train_bs2am_watermark': {'l_pix_coarse'},
    'train_sirf_watermark': {
        'l_percep',
        'l_percep_layer',
        'l_layer',
        'l_exclusion',
        'l_g_gan',
        'l_d_real',
        'l_d_fake',
        'r_gan_pix',
    },
    'train_dhan_watermark': {'l_percep_coarse', 'l_mask', 'l_g_gan', 'l_d_real', 'l_d_fake', 'r_gan_pix'},
}


@pytest.mark.parametrize('name', LOSSES_OF_BASELINES)
def test_baselines_train_by_their_own_losses(name: str, folder: Path, tmp_path: Path) -> None:
    """All their losses are there, and the image comes nearer to the truth on one batch."""
    options = shrunk(read(name), folder, tmp_path, is_train=True)
    if name == 'train_split_then_refine_watermark':
        options['train']['output_opt']['perceptual_weight'] = 0.0  # VGG-16 takes longer than all the rest
    dataset = build_dataset(options['datasets']['train'])
    samples = [dataset[index] for index in range(2)]
    batch = torch.utils.data.default_collate(samples)
    model = build_model(options)
    losses = []
    for iteration in range(1, 6):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
        losses.append(model.get_current_log())
    expected = LOSSES_OF_BASELINES[name] - ({'l_percep'} if 'split' in name else set())
    assert all(set(log) >= expected and np.isfinite(list(log.values())).all() for log in losses)
    main = next(key for key in ('l_pixel', 'l_pix_coarse', 'l_percep', 'l_percep_coarse') if key in losses[0])
    assert losses[-1][main] < losses[0][main]


def test_a_network_without_a_mask_has_the_bins_of_the_true_one(folder: Path, tmp_path: Path) -> None:
    options = shrunk(read('test_mprnet_places'), folder, tmp_path, is_train=False)
    metrics = options['val']['metrics']
    options['val']['metrics'] = {key: value for key, value in metrics.items() if not key.startswith(('fid', 'lpips'))}
    model = build_model(options)
    dataset = build_dataset(options['datasets']['test_1'])
    model.validation(DataLoader(dataset), 'run', None, False)
    with open(tmp_path / 'Places_bins.csv', encoding='utf-8', newline='') as file:
        rows = {row['bin']: row for row in csv.DictReader(file)}
    assert {*rows} == {'all', '0-30', '30-60', '0-20', '20-40', '40-60'}
    shares = [1 - float(dataset[index]['mask'].mean()) for index in range(len(dataset))]
    assert int(rows['0-30']['images']) == sum(share < 0.3 for share in shares) > 0
    assert int(rows['30-60']['images']) == sum(share >= 0.3 for share in shares) > 0
    assert all(0 < float(rows[name]['psnr']) < 60 for name in ('0-30', '30-60'))
    with open(tmp_path / 'Places.csv', encoding='utf-8', newline='') as file:
        images = list(csv.DictReader(file))
    assert [float(image['hole_share']) for image in images] == pytest.approx(shares)
    small = [float(image['psnr']) for image in images if float(image['hole_share']) < 0.3]
    assert float(rows['0-30']['psnr']) == pytest.approx(np.mean(small))
