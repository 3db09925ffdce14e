"""Option files with a mistake that someone could make: each is named, at its place, before any work starts."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from basicsr.utils.options import ordered_yaml

from hcl_arch.option_checks.problems import find_problems, find_structure_problems
from tests.example_options import Options, networks_tried_once, options_for_testing, options_for_training

# Stands for an option that is taken out.
GONE = 'GONE'


@pytest.fixture(scope='module', autouse=True)
def _networks_tried_once() -> Iterator[None]:
    with networks_tried_once():
        yield


@pytest.fixture(scope='module')
def training(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return options_for_training(tmp_path_factory.mktemp('training'))


@pytest.fixture(scope='module')
def testing(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return options_for_testing(tmp_path_factory.mktemp('testing'))


def merged(options: Mapping[Any, Any], spoilt: Mapping[Any, Any]) -> dict[Any, Any]:
    """The options with those of a few lines of YAML put over them."""
    result = copy.deepcopy(dict(options))
    for key, value in spoilt.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping) and value:
            result[key] = merged(result[key], value)
        elif value == GONE:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def problems_of(options: Options, text: str, *, is_train: bool) -> list[str]:
    """What is said of an option file that has a few lines more than it should."""
    raw = merged(options, yaml.load(text, Loader=ordered_yaml()[0]))
    return [*find_structure_problems(raw, is_train=is_train), *find_problems(raw, is_train=is_train)]


TRAINING: list[tuple[str, str]] = [
    # Names of other programs, and slips of the pen.
    ('gpu_ids: [0, 1]', 'gpu_ids: unknown option'),
    ('model: sr', 'model: unknown option'),
    ('seed: 3', 'seed: unknown option'),
    ('Train: {}', "Train: unknown option. Did you mean 'train'?"),
    ('plugins: x', "plugins: unknown option. Did you mean 'plugin'?"),
    ('1: {a: b}', '1: unknown option'),
    ('yes: 3', 'true: unknown option'),
    ('train: {total_iters: 5}', "train: total_iters: unknown option. Did you mean 'total_iter'?"),
    ('train: {lr: 0.1}', 'train: lr: unknown option'),
    ('train: {optim: {type: Adam}}', "train: optim: unknown option. Did you mean 'optim_g'?"),
    ('train: {val_freq: 5}', 'train: val_freq: unknown option'),
    ('train: {mask_opt: {weight: 1}}', 'train: mask_opt: weight: unknown option'),
    ('train: {gan_opt: {gan_type: wgan}}', 'train: gan_opt: gan_type: unknown option'),
    ('train: {optim_g: {learning_rate: 0.1}}', 'train: optim_g: learning_rate: unknown option'),
    ('train: {scheduler: {milestones: [50]}}', 'train: scheduler: milestones: unknown option'),
    ('datasets: {train: {batch_size: 4}}', "datasets: train: batch_size: unknown option. Did you mean 'batch_size_per"),
    ('datasets: {train: {num_workers: 4}}', "datasets: train: num_workers: unknown option. Did you mean 'num_worker_"),
    ('datasets: {train: {dataroot: x}}', "datasets: train: dataroot: unknown option. Did you mean 'dataroot_"),
    ('datasets: {train: {hole_shares: [0, 1]}}', 'datasets: train: hole_shares: unknown option'),
    ('datasets: {train: {corruptions: {veil: {color: [0, 0, 0]}}}}', 'datasets: train: corruptions: veil: color: unkn'),
    ('datasets: {train: {corruptions: {logo: {weight: 1}}}}', 'datasets: train: corruptions: logo: unknown option'),
    ('network_g: {depths: [1, 1, 1]}', 'network_g: depths: unknown option'),
    ('network_g: {refiner: {upsample: nearest}}', 'network_g: refiner: upsample: unknown option'),
    ('network_d: {num_feat: 64}', 'network_d: num_feat: unknown option'),
    ('path: {resume: x}', "path: resume: unknown option. Did you mean 'resume_state'?"),
    ('path: {pretrain_model_g: x.pth}', "path: pretrain_model_g: unknown option. Did you mean 'pretrain_network_g'?"),
    ('val: {metric: {}}', "val: metric: unknown option. Did you mean 'metrics'?"),
    ('val: {metrics: {psnr: {test_y_chanel: true}}}', 'val: metrics: psnr: test_y_chanel: unknown option. Did you mea'),
    ('logger: {save_freq: 5}', 'logger: save_freq: unknown option'),
    # Types that YAML reads otherwise than they look.
    ('num_gpu: "0"', "num_gpu: expects a whole number of at least 0 or 'auto', got the text '0'. Leave out the quotes"),
    ('name: 2023-01-01', 'name: expects a text, got datetime.date(2023, 1, 1).'),
    ('precision: off', "precision: must be one of ('fp32', 'bf16', 'fp16'), got False."),
    ('manual_seed: 0.5', 'manual_seed: expects a whole number'),
    ('train: {total_iter: 1e5}', "train: total_iter: expects a whole number of at least 1, got the text '1e5'. YAML n"),
    ('train: {optim_g: {lr: 1e-4}}', "train: optim_g: lr: expects a number of at least 0, got the text '1e-4'. YAML n"),
    ('train: {scheduler: {eta_min: 1e-7}}', 'train: scheduler: eta_min: expects a number of at least 0, got the text '),
    ('train: {warmup_iter: ~}', 'train: warmup_iter: expects a whole number of at least -1, got null.'),
    ('train: {pixel_opt: {loss_weight: 1e-2}}', 'train: pixel_opt: loss_weight: expects a number, got the text'),
    ('train: {ema_decay: .inf}', 'train: ema_decay: expects a number from 0 to 1, got inf.'),
    ('train: {optim_g: {lr: .nan}}', 'train: optim_g: lr: expects a number of at least 0, got nan.'),
    ('network_g: {dim: 2**3}', "network_g: dim: expects a whole number, got '2**3'."),
    ('network_g: {conf_thresholds: 0.95}', 'network_g: conf_thresholds: expects a list of numbers, got 0.95.'),
    ('network_g: {encoder_depths: [2, 2, two]}', 'network_g: encoder_depths: expects a list of whole numbers'),
    ('network_g: {fuse: "no"}', "network_g: fuse: expects true or false, got 'no'."),
    ('network_g: {refiner: HCLRefineNet}', 'network_g: refiner: expects a section of options with the `type` of a ne'),
    ('datasets: {train: {gt_size: 64 px}}', "datasets: train: gt_size: expects a whole number of at least 16, got '64"),
    ('datasets: {train: {gt_size: [64, 64]}}', 'datasets: train: gt_size: expects a whole number of at least 16'),
    ('datasets: {train: {hole_share: 10-50}}', 'datasets: train: hole_share: expects two numbers with 0 <= first'),
    ('datasets: {train: {hole_share: [10, 50]}}', 'datasets: train: hole_share: expects two numbers with 0 <= first'),
    ('datasets: {train: {masks: [folder]}}', 'datasets: train: masks: expects weights of at least 0'),
    ('datasets: {train: {io_backend: {type: memcached}}}', 'datasets: train: io_backend: expects {type: disk} or'),
    ('val: {save_img: 5}', 'val: save_img: expects true or false, got 5.'),
    ('val: {hole_share_bins: [0, 0.5, 1]}', 'val: hole_share_bins: must be a list of [least, most] shares in [0, 1]'),
    ('val: {metrics: [calculate_psnr]}', "val: metrics: expects a section of `key: value` lines, got ['calculate_psnr"),
    ('val: {panel_images: many}', "val: panel_images: expects a whole number of at least 0, got 'many'."),
    ('logger: {print_freq: 0}', 'logger: print_freq: expects a whole number of at least 1, got 0.'),
    ('dist_params: nccl', "dist_params: expects a section of `key: value` lines, got 'nccl'."),
    # Sections that are missing or of another shape.
    ('path: ~', 'path: is missing: the option file needs a section `path:`'),
    ('path: {logs: ~}', 'path: logs: is empty. BasicSR makes a folder of it'),
    ('train: [a, b]', "train: expects a section of `key: value` lines, got ['a', 'b']."),
    ('train: {scheduler: GONE}', 'train: scheduler: is missing'),
    ('train: {optim_g: {type: GONE}}', 'train: optim_g: type: is missing'),
    ('logger: {use_tb_logger: GONE}', 'logger: use_tb_logger: is missing'),
    ('datasets: {train: GONE}', 'datasets: train: is missing: the training set.'),
    ('datasets: {test: {name: a, type: b}}', 'datasets: test: in training, a data set is called train, val, or val_'),
    ('datasets: {train: {name: ~}}', 'datasets: train: name: is missing'),
    ('datasets: [{name: a}]', 'datasets: expects a section of `key: value` lines'),
    ('datasets: {train: {dataroot_gt: [a, b]}}', 'datasets: train: dataroot_gt: expects a single path in an option fi'),
    ('network_g: HCLNet', "network_g: expects a section of `key: value` lines, got 'HCLNet'."),
    ('train: {contrastive_opt: {type: GONE}}', 'train: contrastive_opt: type: is missing'),
    # Numbers that no machine could hold, or that leave nothing of a network.
    ('datasets: {train: {num_worker_per_gpu: 100000}}', 'datasets: train: num_worker_per_gpu: expects at most 1024'),
    ('datasets: {train: {batch_size_per_gpu: 10000000}}', 'datasets: train: batch_size_per_gpu: expects at most 65536'),
    ('datasets: {train: {gt_size: 10000000}}', 'datasets: train: gt_size: expects at most 16384, got 10000000.'),
    ('network_g: {dim: 100000000}', 'network_g: dim: expects at most 1000000, got 100000000.'),
    ('network_g: {n_conv_stages: 5000}', 'network_g: n_conv_stages: expects at most 1000, got 5000.'),
    ('network_g: {encoder_depths: [600, 600, 600]}', 'network_g: encoder_depths: expects at most 1000 parts '),
    ('train: {optim_g: {lr: !!float 1e12}}', 'train: optim_g: lr: expects a number of at least 0 and below 1e+09, got'),
    ('network_g: {dim: 0}', 'network_g: dim: expects a whole number of at least 1, got 0.'),
    ('network_g: {refiner: {dim_mults: []}}', 'network_g: refiner: dim_mults: expects one or more whole numbers of at'),
    ('train: {contrastive_opt: {max_pixels: 0}}', 'train: contrastive_opt: max_pixels: expects a whole number of at '),
    # Names that would lead elsewhere, or nowhere.
    ('name: ../../elsewhere', "name: expects a name of one folder or file, without / and \\, got '../../elsewhere'."),
    ('name: no', 'name: expects a text, got false.'),
    ('datasets: {val: {name: a/b}}', 'datasets: val: name: expects a name of one folder or file'),
    ('val: {suffix: ../x}', 'val: suffix: expects a name of one folder or file'),
    ('manual_seed: -1', 'manual_seed: expects a whole number from 0 to 4294957295 or null, got -1.'),
    ('x-notes: {1: one}', 'x-notes: 1: expects a text for a name. Put quotes around it.'),
    ('datasets: {val: {type: PairedImageDataset, io_backend: {type: memcached, sys_path: /tmp}}}',
     'datasets: val: io_backend: expects {type: disk} or {type: lmdb}, got '),
    ('datasets: {val: {type: PairedImageDataset, io_backend: ~}}', 'datasets: val: io_backend: is missing: expects {t'),
    ('val: {metrics: {psnr: {crop_border: 32}}}', 'val: metrics: psnr: crop_border: 32 at each side leave nothing of'),
    ('val: {metrics: {psnr: {input_order: CHW}}}', "val: metrics: psnr: input_order: expects 'HWC', got 'CHW'."),
    # Types that do not exist.
    ('model_type: HCL', "model_type: nothing is registered as 'HCL'."),
    ('network_g: {type: hclnet}', "network_g: type: nothing is registered as 'hclnet'."),
    ('datasets: {val: {type: PairedDataset}}', "datasets: val: type: nothing is registered as 'PairedDataset'. Did yo"),
    ('train: {gan_opt: {type: WGAN}}', "train: gan_opt: type: nothing is registered as 'WGAN'."),
    ('train: {optim_d: {type: SGDM}}', 'train: optim_d: type: expects an optimizer of torch that BasicSR knows'),
    ('train: {scheduler: {type: StepLR}}', "train: scheduler: type: expects 'MultiStepLR' or"),
    ('val: {metrics: {fid: {type: calculate_fid}}}', "val: metrics: fid: type: nothing is registered as 'calculate_fi"),
    # What cannot work together.
    ('network_g: {dim_mults: [1, 2]}', 'network_g: encoder_depths must have one value for each of the 2 stages'),
    ('network_g: {num_heads: [3, 3, 3]}', 'network_g: '),
    ('network_g: {window_size: 0}', 'network_g: '),
    ('network_g: {single_stage: 3}', 'network_g: single_stage must be 0 ... 2 (fine to coarse), got 3.'),
    ('network_g: {type: SegmenterDetector, dim: 8, num_heads: 2}', 'network_g: encoder_depths: unknown option'),
    ('network_d: {type: VGGStyleDiscriminator, dim: GONE, num_in_ch: 3, num_feat: 8}', 'network_d: cannot take images'),
    ('train: {gan_opt: GONE}', 'network_d: and train.gan_opt belong together'),
    ('train: {mask_opt: {loss_weight: 1.0}}', 'train: mask_opt: and network_g.mask_from'),
    ('train: {accumulation_steps: 8}', 'train: accumulation_steps: a batch of 4 images'),
    ('train: {scheduler: {periods: [50, 40]}}', 'train: scheduler: periods: they end after 90 iterations'),
    ('train: {scheduler: {restart_weights: [1]}}', 'train: scheduler: restart_weights: expects a weight for each of'),
    ('train: {phase1_iter: 50000}', 'train: phase1_iter: 50000 is more than the 100 iterations'),
    ('train: {total_iter: 30, detector_iter: 31}', 'train: detector_iter: 31 is more than the 30 iterations'),
    ('val: {val_freq: !!float 0.5}', 'val: val_freq: '),
    ('val: {metrics: {iou: {type: calculate_mask_iou, stage: 0}}}', 'val: metrics: iou: stage: expects a whole number'),
    ('val: {metrics: {psnr: {image: reversed}}}', "val: metrics: psnr: image: 'reversed' needs `val: reverse: true`."),
    ('datasets: {train: {persistent_workers: true}}', 'datasets: train: persistent_workers: needs workers'),
    ('datasets: {train: {prefetch_mode: cuda}}', "datasets: train: prefetch_mode: 'cuda' needs `pin_memory: true`."),
    ('datasets: {train: {dataset_enlarge_ratio: 0.5}}', 'datasets: train: dataset_enlarge_ratio: expects a whole numb'),
    ('datasets: {train: {mask_cache: 5, dataroot_mask: GONE}}', 'datasets: train: mask_cache: is given, but no mask '),
    ('num_gpu: 64', 'num_gpu: 64 are wanted, but '),
    # What is not there.
    ('datasets: {train: {dataroot_gt: datasets/plcaes}}', 'datasets: train: dataroot_gt: datasets/plcaes: expected a'),
    ('datasets: {val: {dataroot_noise: /dev/null}}', 'datasets: val: dataroot_noise: /dev/null: expected a folder'),
    ('datasets: {train: {corruptions: {watermark: {dataroot: logos}}}}', 'datasets: train: corruptions: watermark: da'),
    ('path: {pretrain_network_g: net_g_latest.pth}', 'path: pretrain_network_g: expected a file, found nothing: net_g'),
    ('path: {resume_state: 5000.state}', 'path: resume_state: expected a file, found nothing: 5000.state.'),
    ('train: {perceptual_opt: {weights: vgg19.pth}}', 'train: perceptual_opt: weights: expected a file, found nothing'),
]  # fmt: skip
TESTING: list[tuple[str, str]] = [
    ('val: GONE', 'val: is missing: how to test'),
    ('val: {save_img: ~}', 'val: save_img: is missing'),
    ('datasets: {test_3: ~}', 'datasets: test_3: expects the options of a data set, got null.'),
    ('datasets: {places: {name: a, type: b}}', 'datasets: places: a data set is called test or val, or test_ or val_'),
    ('datasets: {test_1: {name: GONE}}', 'datasets: test_1: name: is missing'),
    ('network_g: {detector: GONE}', 'network_g: detector: is missing, and there is no default.'),
    ('network_g: {detector: {type: Segmenter}}', "network_g: detector: type: nothing is registered as 'Segmenter'."),
    ('network_g: {detector: {image_size: 60}}', 'network_g: detector: image_size must be a multiple of patch_size'),
    ('network_g: {restorer: {num_feat: ~, num_blok: 2}}', 'network_g: restorer: num_blok: unknown option. Did you mea'),
    ('network_g: {restorer: {num_out_ch: 1}}', 'network_g: restorer: is given images of 4 channels, 64 x 64 pixels, a'),
    ('network_g: {restorer_input: [hole]}', 'network_g: restorer: is given images of 1 channels'),
    ('network_g: {restorer_range: [0, 255]}', 'network_g: restorer_range must be [0, 1] or [-1, 1], got [0, 255].'),
    ('network_g: {restorer_weights: mat.pth}', 'network_g: restorer_weights: expected a file, found nothing: mat.pth.'),
    ('network_g: {freeze_detector: 1}', 'network_g: freeze_detector: expects true or false, got 1.'),
    ('model_type: HCLModel2', "model_type: nothing is registered as 'HCLModel2'. Did you mean 'HCLModel'?"),
    ('val: {metrics: {fid: {weights: inception.pth}}}', 'val: metrics: fid: weights: expected a file, found nothing'),
    ('val: {max_save_img: all}', "val: max_save_img: expects a whole number of at least 0 or null, got 'all'."),
]  # fmt: skip


@pytest.mark.parametrize(('text', 'named'), TRAINING, ids=[text for text, _ in TRAINING])
def test_training(text: str, named: str, training: Options) -> None:
    assert any(line.startswith(named) for line in problems_of(training, text, is_train=True))


@pytest.mark.parametrize(('text', 'named'), TESTING, ids=[text for text, _ in TESTING])
def test_testing(text: str, named: str, testing: Options) -> None:
    assert any(line.startswith(named) for line in problems_of(testing, text, is_train=False))


def test_nothing_is_wrong_without_the_mistakes(training: Options, testing: Options) -> None:
    assert problems_of(training, '{}', is_train=True) == []
    assert problems_of(testing, '{}', is_train=False) == []


def test_all_mistakes_of_a_section_at_once(training: Options) -> None:
    """Those that stand beside each other, in one file."""
    together = [(text, named) for text, named in TRAINING if text.startswith(('logger: {', 'val: {', 'train: {optim'))]
    raw: dict[Any, Any] = dict(training)
    for text, _ in together:
        raw = merged(raw, yaml.load(text, Loader=ordered_yaml()[0]))
    lines = [*find_structure_problems(raw), *find_problems(raw)]
    places = {named.split(': ')[0] for _, named in together}
    assert len(together) > 15
    assert places <= {line.split(': ')[0] for line in lines}
    # Some of the mistakes take the place of others.
    assert sum(any(line.startswith(named) for line in lines) for _, named in together) > 12
