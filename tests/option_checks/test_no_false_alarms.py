"""What is in order gives no problems: the option files, those of other tests, and legal uncommon options."""

from __future__ import annotations

import copy
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from basicsr.utils import logger as basicsr_logger
from basicsr.utils.options import parse_options

import hcl_arch
from hcl_arch.option_checks.networks import inspect_network
from hcl_arch.option_checks.problems import CHECKS, find_problems, find_structure_problems
from hcl_arch.option_checks.quiet_build import quiet_process, try_out
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_file import read_option_file
from tests.example_options import IMAGES, REMOVED, Keys, Options, changed, make_folder, make_lmdb, parsed
from tests.test_entry_points import (  # noqa: F401  (fixtures, which pytest finds by their names)
    dataset,
    longer_options,
    testing_options,
    training_options,
)

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = {path.stem: path for path in sorted((REPOSITORY / 'options').rglob('*.yml')) if path.name[:6] != 'report'}
RUN_FILES = [name for name in FILES if name.startswith(('train_', 'test_'))]


def _options_of_the_models_tests() -> Any:
    """The fixture `options` of `tests/models/conftest.py`."""
    file = REPOSITORY / 'tests' / 'models' / 'conftest.py'
    spec = importlib.util.spec_from_file_location('models_conftest', file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.options


options = _options_of_the_models_tests()


def unguarded(opt: Options) -> list[str]:
    """The problems, with nothing to catch what a check itself does wrong."""
    return [line for check in CHECKS for line in check(RunOptions(opt))]


def paths_of(value: Any, key: str = '') -> Iterator[tuple[str, str]]:
    """Name and value of every option that names a folder of images or a file of weights."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from paths_of(inner, key)
    elif isinstance(value, str) and (key.startswith('dataroot') or value.endswith('.pth')):
        yield key, value


def make_paths(opt: Options) -> None:
    """Make what the options name, in the working directory."""
    for options in opt.get('datasets', {}).values():
        for role in ('lq', 'gt', 'mask'):
            template = options.get(f'{role}_template', '')
            if '{}' in template and '*' not in template:  # pairs that are told by their names
                folder = Path(options[f'dataroot_{role}'])
                folder.mkdir(parents=True, exist_ok=True)
                for index in range(3):  # one for each bin of hole shares
                    (folder / f'{template.format(index)}.png').touch()
    for key, path in set(paths_of(opt)):
        if Path(path).exists():
            continue
        if key == 'dataroot_fonts':
            Path(path).mkdir(parents=True)
            (Path(path) / 'a.ttf').touch()
        elif key.startswith('dataroot'):
            (make_lmdb if path.endswith('.lmdb') else make_folder)(Path(path))
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()


@pytest.mark.parametrize('name', FILES)
def test_option_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand they lack their files; with these, as they stand and as the parser returns them, nothing."""
    monkeypatch.chdir(tmp_path)
    opt = read_option_file(FILES[name])
    before = copy.deepcopy(opt)
    wrong = find_problems(opt)
    assert all('Correct the path' in line for line in wrong)
    assert wrong
    make_paths(opt)
    assert unguarded(opt) == []
    assert opt == before
    if name not in RUN_FILES:
        return
    is_train = name.startswith('train_')
    assert find_structure_problems(opt, is_train=is_train) == []
    monkeypatch.setattr(sys, 'argv', ['command', '-opt', str(FILES[name])])
    after = parse_options(str(tmp_path), is_train=is_train)[0]
    assert (after['name'], after['plugin']) == (name, hcl_arch.__version__)
    assert find_problems({**after, 'root_path': str(tmp_path)}) == []


def test_options_of_the_entry_points(
    training_options: Options,  # noqa: F811
    longer_options: Options,  # noqa: F811
    testing_options: Options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_paths(testing_options)
    for opt in (training_options, longer_options, testing_options):
        assert unguarded(opt) == []
        assert find_structure_problems(opt) == []


def test_options_of_the_models(options: Options) -> None:  # noqa: F811
    assert unguarded(options) == []


def test_example_options(training: Options, testing: Options) -> None:
    for opt, is_train in ((training, True), (testing, False)):
        assert find_structure_problems(opt) == []
        assert unguarded(opt) == []
        assert unguarded(parsed(opt, is_train=is_train)) == []


@pytest.mark.parametrize(('keys', 'value'), [
    (('x-anchors',), {'any': 'thing'}),
    (('num_gpu',), 'auto'),
    (('precision',), 'bf16'),
    (('compile',), 'reduce-overhead'),
    (('train', 'max_skipped_steps'), 10),
    (('train', 'phase1_iter'), 100),
    (('train', 'phase1_iter'), 0),
    (('train', 'detector_iter'), 100),
    (('train', 'warmup_iter'), 100),
    (('train', 'total_iter'), 1e2),
    (('train', 'optim_g', 'fused'), True),
    (('train', 'optim_g', 'lr_classifier'), 0),
    (('train', 'scheduler'), {'type': 'MultiStepLR', 'milestones': [1000], 'gamma': 0.5}),
    # The last step of the scheduler comes before the last iteration.
    (('train', 'scheduler', 'periods'), [60, 39]),
    (('train', 'perceptual_coarse_opt'), {'type': 'PerceptualLoss', 'layer_weights': {'conv1_1': 1}}),
    (('train', 'perceptual_opt'), {'type': 'SIRFPerceptualLoss', 'vgg_weights': 'random', 'vgg_dims': [2] * 5}),
    (('train', 'gan_opt'), {'type': 'GANLoss', 'gan_type': 'hinge'}),
    (('logger', 'keep_checkpoints'), None),
    (('logger', 'keep_checkpoints'), 3),
    (('logger', 'wandb'), {'project': None, 'resume_id': None}),
    (('datasets', 'train', 'max_unreadable_share'), 0.01),
    (('datasets', 'train', 'num_worker_per_gpu'), 2),
    (('datasets', 'train', 'io_backend'), {'type': 'disk'}),
    (('datasets', 'val', 'max_samples'), 2),
    (('datasets', 'train', 'hole_share'), [[0.0, 0.1]] * (IMAGES + 1)),  # drawn at random
    (('network_g', 'use_checkpoint'), True),
    (('network_g', 'single_stage'), 0),
    (('network_g', 'refiner'), None),
    (('network_g', 'refiner'), {'type': 'RRDBNet', 'num_in_ch': 4, 'num_out_ch': 3, 'scale': 1, 'num_block': 1}),
    (('network_d',), {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 8}),
    (('path', 'param_key_g'), 'params_ema'),
    (('val', 'guidance'), True),
    (('val', 'max_save_img'), 0),
    (('val', 'metrics', 'psnr', 'test_y_channel'), True),
    (('val',), None),
])  # fmt: skip
def test_legal_options(keys: Keys, value: Any, training: Options) -> None:
    opt = changed(training, (keys, value))
    assert unguarded(opt) == []
    assert find_structure_problems(opt) == []


def test_other_models_have_options_of_their_own(training: Options) -> None:
    opt = changed(
        training, (('model_type',), 'RealESRGANModel'), (('queue_size',), 180), (('train', 'l1_gt_usm'), True),
        (('path', 'ema_folder'), 'x'), (('val', 'own'), 1), (('datasets', 'train', 'type'), 'FFHQDataset'),
        (('datasets', 'train', 'mean'), [0.5]), (('train', 'phase1_iter'), 1000), (('train', 'optim_g', 'own'), 1),
        (('val', 'metrics', 'iou_s1'), REMOVED), (('datasets', 'train', 'io_backend'), {'type': 'disk'}),
    )  # fmt: skip
    assert unguarded(opt) == []


def test_what_only_training_reads_is_no_problem_in_testing(training: Options) -> None:
    opt = changed(training, (('train', 'total_iter'), 'many'))
    assert len(find_problems(opt)) == 1
    assert find_problems(parsed(opt, is_train=False)) == []


def test_entry_of_a_file_of_weights(testing: Options) -> None:
    assert find_problems(changed(testing, (('network_g', 'detector_param_key'), 'params_ema'))) == []


def test_trying_out_does_not_change_the_random_state() -> None:
    state = torch.get_rng_state()
    for draw in (lambda: torch.rand(2, device='cpu'), lambda: torch.empty(2, device='cpu').normal_(),
                 lambda: torch.nn.Linear(2, 2, device='cpu'), lambda: torch.nn.Linear(2, 2)):  # fmt: skip
        assert try_out(draw)[1] is None
    assert torch.equal(torch.get_rng_state(), state)


def test_checks_leave_the_logger_to_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basicsr_logger, 'initialized_logger', {})
    with quiet_process():
        assert try_out(lambda: basicsr_logger.get_root_logger().handlers.copy())[1] is None
    assert basicsr_logger.initialized_logger == {}


def test_limits_of_the_device_are_nobodys_fault() -> None:
    assert try_out(lambda: torch.empty(2).numpy()) == (None, None)
    assert try_out(lambda: torch.empty(2).view(3))[1] is not None


def test_networks_of_a_resumed_run_need_no_other_weights(training: Options, tmp_path: Path) -> None:
    state = tmp_path / '10.state'
    opt = changed(training, (('path', 'pretrain_network_g'), 'nowhere.pth'), (('path', 'resume_state'), str(state)))
    assert len(find_problems(opt)) == 1
    state.touch()
    assert find_problems(opt) == []
    resuming = changed(parsed(opt, is_train=True), (('auto_resume',), True), (('path', 'resume_state'), None))
    assert len(find_problems(resuming)) == 1
    assert find_problems(changed(resuming, (('path', 'training_states'), str(tmp_path)))) == []


def test_a_state_that_is_never_read(training: Options) -> None:
    opt = changed(parsed(training, is_train=True), (('path', 'resume_state'), 'nowhere.state'))
    assert len(find_problems(opt)) == 1
    assert find_problems(changed(opt, (('auto_resume',), True))) == []


@pytest.mark.parametrize('name', ['V_bins', 'V'])
def test_names_of_data_sets_in_training(name: str, training: Options) -> None:
    """The files that a test would write are not written then."""
    val = changed(training, (('datasets', 'val', 'name'), 'W'))['datasets']['val']
    assert find_problems(changed(training, (('datasets', 'val_2'), {**val, 'name': f'W{name}'}))) == []
    assert find_problems(changed(training, (('datasets', 'val_2'), {**val, 'name': 'V_bins'}))) == []


def test_data_sets_with_a_layout(training: Options, tmp_path: Path) -> None:
    """A whole ISTD, and one without its clean photographs."""
    for folder in ('train/train_A', 'train/train_B', 'train/train_C'):
        make_folder(tmp_path / folder)
    sets = {'name': 'I', 'type': 'HCLISTDDataset', 'dataroot': str(tmp_path), 'gt_size': 64, 'batch_size_per_gpu': 4,
            'num_worker_per_gpu': 0}  # fmt: skip
    opt = changed(training, (('datasets', 'train'), sets), (('datasets', 'val'), REMOVED))
    assert unguarded(opt) == []
    os.remove(tmp_path / 'train' / 'train_C' / '003.png')
    (wrong,) = unguarded(opt)
    assert wrong.startswith('datasets: train: ')
    assert "1 of 8 images in 'dataroot_lq' have no partner" in wrong


def test_leaves_no_trace(training: Options, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """BasicSR's logger stays to be set up, nothing is printed, nothing drawn; a warning of a network is no output."""
    monkeypatch.setattr(basicsr_logger, 'initialized_logger', {})
    # Of sizes that no other test has built.
    discriminator = {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 6}
    refiner = {'type': 'RRDBNet', 'num_in_ch': 4, 'num_out_ch': 3, 'scale': 1, 'num_feat': 6, 'num_block': 1}
    opt = changed(training, (('network_d',), discriminator), (('network_g', 'refiner'), refiner))
    state = torch.get_rng_state()
    assert find_problems(opt) == []
    assert torch.equal(torch.get_rng_state(), state)
    assert basicsr_logger.initialized_logger == {}
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('network', [
    {'type': 'VGGFeatureExtractor', 'layer_name_list': ['relu1_1']},
    {'type': 'BasicVSR', 'spynet_path': __file__},
    {'type': 'SwinIR', 'img_size': [64, 64], 'upsampler': 'pixelshuffle'},
    {'type': 'StyleGAN2Discriminator', 'out_size': 64},
])  # fmt: skip
def test_networks_that_load_weights_or_need_a_device(network: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded, and what cannot be built without memory is not called wrong."""
    calls: list[Any] = []
    for module, name in ((torch, 'load'), (torch.hub, 'download_url_to_file')):
        monkeypatch.setattr(module, name, lambda *arguments, **_: calls.append(arguments))
    assert inspect_network(network, ('network_d',))[0] == []
    assert calls == []


def test_is_quick(training: Options) -> None:
    start = time.perf_counter()
    find_problems(training)
    assert time.perf_counter() - start < 5  # some 0.1 s on an idle machine
    assert IMAGES > 2
