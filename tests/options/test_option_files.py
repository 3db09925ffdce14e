"""Every option file is understood, and shrunk to a tiny size it trains or tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import yaml
from basicsr.archs import build_network
from basicsr.data import build_dataset
from basicsr.models import build_model
from basicsr.utils.options import ordered_yaml
from torch.utils.data import DataLoader

from hcl_arch.data.dataset_options import read_options

OPTIONS = Path(__file__).resolve().parents[2] / 'options'
TRAIN_FILES = sorted(OPTIONS.glob('train_*.yml'))
TEST_FILES = sorted(OPTIONS.glob('test_*.yml'))
SIZE = 32


def read(path: Path) -> dict[str, Any]:
    with path.open() as file:
        return yaml.load(file, Loader=ordered_yaml()[0])


def shrunk(options: dict[str, Any], folder: Path, tmp_path: Path, *, is_train: bool) -> dict[str, Any]:
    """The options with a tiny network and tiny data, as BasicSR's parser would hand them over."""
    options = copy.deepcopy(options)
    options.update(num_gpu=0, dist=False, rank=0, world_size=1, is_train=is_train)
    options['network_g'].update(dim=4, encoder_depths=[1, 1, 1], window_size=4, bottleneck_window_size=4, proj_dim=4)
    options['network_g']['refiner'].update(dim=2)
    if 'network_d' in options:
        options['network_d'].update(dim=2)
    for phase, dataset in options['datasets'].items():
        dataset.update(phase=phase.split('_')[0], gt_size=SIZE, io_backend={'type': 'disk'})
        dataset.update({key: str(folder) for key in dataset if key.startswith('dataroot')})
    options['path'] = {key: str(tmp_path) for key in ('models', 'training_states', 'visualization', 'results_root')}
    return options


@pytest.mark.parametrize('path', [*TRAIN_FILES, *TEST_FILES, *sorted(OPTIONS.glob('preview_*.yml'))],
                         ids=lambda path: path.stem)
def test_options_of_the_data_sets_are_right_as_they_stand(path: Path) -> None:
    """The other tests change paths and `io_backend`, which have to fit each other."""
    for phase, dataset in read(path)['datasets'].items():
        options = read_options({**dataset, 'phase': phase.split('_')[0]})
        assert options.gt_roots


@pytest.fixture
def folder(image_folder: Callable[..., Path]) -> Path:
    """Four images, which also serve as masks: their bright parts are corrupted."""
    return image_folder(4, SIZE)


@pytest.mark.parametrize('path', TRAIN_FILES, ids=lambda path: path.stem)
def test_trains_in_every_phase(path: Path, folder: Path, tmp_path: Path) -> None:
    options = shrunk(read(path), folder, tmp_path, is_train=True)
    for name in ('perceptual_opt', 'perceptual_coarse_opt'):
        if name in options['train']:
            options['train'][name]['weights'] = 'random'
    options['datasets']['train']['batch_size_per_gpu'] = 2
    batch = next(iter(DataLoader(build_dataset(options['datasets']['train']), batch_size=2)))
    model = build_model(options)
    phase1_iter = options['train']['phase1_iter']
    for iteration in (1, phase1_iter, phase1_iter + 1):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
        assert all(np.isfinite(value) for value in model.log_dict.values()), model.log_dict
    assert 'l_pix_refined' in model.log_dict


@pytest.mark.parametrize('path', TEST_FILES, ids=lambda path: path.stem)
def test_measures_every_data_set(path: Path, folder: Path, tmp_path: Path) -> None:
    options = shrunk(read(path), folder, tmp_path, is_train=False)
    model = build_model(options)
    for dataset_options in options['datasets'].values():
        model.validation(DataLoader(build_dataset(dataset_options)), 'run', None, False)
        assert set(model.metric_results) == set(options['val']['metrics'])
        assert (tmp_path / f'{dataset_options["name"]}.csv').is_file()


@pytest.mark.parametrize('path', TEST_FILES, ids=lambda path: path.stem)
def test_tests_the_network_that_was_trained(path: Path) -> None:
    trained = read(OPTIONS / path.name.replace('test_', 'train_'))
    free = ('kmeans_iters', 'kmeans_repeats')  # how long to search for the clusters: no weights depend on them
    networks = [{key: value for key, value in o['network_g'].items() if key not in free} for o in (read(path), trained)]
    assert networks[0] == networks[1]
    assert read(path)['path']['pretrain_network_g'] == f'experiments/{trained["name"]}/models/net_g_latest.pth'


def test_places_has_the_papers_sizes() -> None:
    options = read(OPTIONS / 'train_hcl_places.yml')
    network = build_network(options['network_g'])
    refiner = sum(parameter.numel() for parameter in network.refiner.parameters())
    rest = sum(parameter.numel() for parameter in network.parameters()) - refiner
    assert refiner == pytest.approx(61.56e6, rel=1e-3)
    assert rest == pytest.approx(14.06e6, rel=1e-3)
    train = options['train']
    # METHOD's loss weights are for images in [-1, 1]: the L1 distance there is twice that in [0, 1].
    assert train['pixel_opt']['loss_weight'] == 2 * 1.0
    assert train['perceptual_opt']['loss_weight'] == 0.01
    assert (train['optim_g']['lr'], train['optim_g']['lr_refiner'], train['optim_d']['lr']) == (5e-4, 1e-4, 1e-4)
    assert (train['phase1_iter'], train['total_iter']) == (50_000, 150_000)
