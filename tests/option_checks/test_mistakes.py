"""One mistake in options that are in order gives one line, which starts with its place."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from basicsr.data import build_dataset

from hcl_arch.option_checks.problems import find_problems
from tests.example_options import REMOVED, Keys, Options, changed, make_folder, make_lmdb, parsed

MASKS = ('datasets', 'train', 'masks')
CORRUPTIONS = ('datasets', 'train', 'corruptions')
SCHEDULER = ('train', 'scheduler')
REFINER = ('network_g', 'refiner')


def only_line(options: Options, *changes: tuple[Keys, Any]) -> str:
    """The one problem of changed options, raw and parsed alike."""
    spoilt = changed(options, *changes)
    lines = find_problems(spoilt)
    assert len(lines) == 1, lines
    assert find_problems(parsed(spoilt, is_train='train' in options)) == lines
    return lines[0]


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (('netwrok_d',), {}, "netwrok_d: unknown option. Did you mean 'network_d'?"),
        (
            ('path', 'pretrain_netwrk_d'),
            'a.pth',
            "path: pretrain_netwrk_d: unknown option. Did you mean 'pretrain_network_d'?",
        ),
        (('train', 'phase_iter'), 3, "train: phase_iter: unknown option. Did you mean 'phase1_iter'?"),
        (
            ('train', 'classifier_opt', 'pixel_wieght'),
            1,
            "train: classifier_opt: pixel_wieght: unknown option. Did you mean 'pixel_weight'?",
        ),
        (('val', 'hole_share_bin'), [], "val: hole_share_bin: unknown option. Did you mean 'hole_share_bins'?"),
        (('logger', 'print_frq'), 3, "logger: print_frq: unknown option. Did you mean 'print_freq'?"),
        (('dist_params', 'prot'), 3, "dist_params: prot: unknown option. Did you mean 'port'?"),
        (('datasets', 'train', 'gt_siz'), 3, "datasets: train: gt_siz: unknown option. Did you mean 'gt_size'?"),
        (
            ('datasets', 'val', 'max_sample'),
            3,
            "datasets: val: max_sample: unknown option. Did you mean 'max_samples'?",
        ),
        (
            (*CORRUPTIONS, 'veil', 'opacty'),
            1,
            "datasets: train: corruptions: veil: opacty: unknown option. Did you mean 'opacity'?",
        ),
        ((*CORRUPTIONS, 'pach'), 1, "datasets: train: corruptions: pach: unknown option. Did you mean 'patch'?"),
        (MASKS, {'folder': 1, 'line': 1}, "datasets: train: masks: line: unknown option. Did you mean 'lines'?"),
        (('network_g', 'window_sise'), 8, "network_g: window_sise: unknown option. Did you mean 'window_size'?"),
        ((*REFINER, 'dims'), 8, "network_g: refiner: dims: unknown option. Did you mean 'dim'?"),
        (
            ('train', 'contrastive_opt', 'max_pixel'),
            8,
            "train: contrastive_opt: max_pixel: unknown option. Did you mean 'max_pixels'?",
        ),
        (
            ('train', 'optim_g', 'lr_refine'),
            1e-3,
            "train: optim_g: lr_refine: unknown option. Did you mean 'lr_refiner'?",
        ),
        (
            ('train', 'optim_g', 'lr_backbon'),
            1e-3,
            "train: optim_g: lr_backbon: unknown option. Did you mean 'lr_backbone'?",
        ),
        (('train', 'optim_d', 'lr_refiner'), 1e-3, 'train: optim_d: lr_refiner: unknown option. Known keys: '),
        ((*SCHEDULER, 'gamm'), 1, 'train: scheduler: gamm: unknown option. Known keys: '),
        (
            ('val', 'metrics', 'psnr', 'crop_bordr'),
            1,
            "val: metrics: psnr: crop_bordr: unknown option. Did you mean 'crop_border'?",
        ),
        (('val', 'metrics', 'iou_s1', 'stag'), 1, "val: metrics: iou_s1: stag: unknown option. Did you mean 'stage'?"),
        (
            ('train', 'perceptual_opt', 'layer_weights'),
            {'relu22': 1.0},
            "train: perceptual_opt: layer_weights: relu22: unknown option. Did you mean 'relu2_2'?",
        ),
    ],
)
def test_unknown_names(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert only_line(training, (keys, value)).startswith(line)


@pytest.mark.parametrize(
    ('texture_opt', 'line'),
    [
        ({}, None),
        ({'layer_weights': None, 'bandwidth': 0.1, 'max_features': 2, 'use_checkpoint': True}, None),
        ({'bandwith': 0.1}, "train: texture_opt: bandwith: unknown option. Did you mean 'bandwidth'?"),
        ({'bandwidth': 0}, 'train: texture_opt: bandwidth: expects a number above 0, got 0.'),
        ({'max_features': 1}, 'train: texture_opt: max_features: expects a whole number of at least 2, got 1.'),
        ({'max_features': 9.5}, 'train: texture_opt: max_features: expects a whole number, got 9.5.'),
        ({'loss_weight': -1}, 'train: texture_opt: loss_weight: expects a number of at least 0, got -1.'),
        ({'layer_weights': {}}, 'train: texture_opt: layer_weights: expects at least one layer, got none.'),
        (
            {'layer_weights': {'relu32': 1.0}},
            "train: texture_opt: layer_weights: relu32: unknown option. Did you mean '",
        ),
        ({'weights': 'no.pth'}, 'train: texture_opt: weights: expected a file, found nothing: no.pth.'),
        (
            {'type': 'HCLIDMRF'},
            "train: texture_opt: type: nothing is registered as 'HCLIDMRF'. Did you mean 'HCLIDMRFLo",
        ),
    ],
)
def test_loss_of_textures(texture_opt: Options, line: str | None, training: Options) -> None:
    lines = find_problems(changed(training, (('train', 'texture_opt'), {'type': 'HCLIDMRFLoss', **texture_opt})))
    assert (lines == []) if line is None else (len(lines) == 1 and lines[0].startswith(line)), lines


@pytest.mark.parametrize(
    ('mask_opt', 'line'),
    [
        ({'iou_weight': 0.5}, None),
        ({'iou_wieght': 0.5}, "train: mask_opt: iou_wieght: unknown option. Did you mean 'iou_weight'?"),
        ({'iou_weight': -1}, 'train: mask_opt: iou_weight: expects a number of at least 0'),
    ],
)
def test_weights_of_the_masks_loss(mask_opt: Options, line: str | None, training: Options) -> None:
    by_pixels = changed(
        training, (('network_g', 'mask_from'), 'pixels'), (('train', 'classifier_opt'), REMOVED),
        (('train', 'mask_opt'), {'loss_weight': 1.0, **mask_opt}),
    )  # fmt: skip
    lines = find_problems(by_pixels)
    assert len(lines) == (line is not None), lines
    assert line is None or lines[0].startswith(line)


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (('model_type',), 'HCLModl', "model_type: nothing is registered as 'HCLModl'. Did you mean 'HCLModel'?"),
        (
            ('datasets', 'train', 'type'),
            'BlindCoruptionDataset',
            "datasets: train: type: nothing is registered as 'BlindCoruptionDataset'. Did you mean 'BlindCorruptionDat",
        ),
        (('network_g', 'type'), 'HCLnet', "network_g: type: nothing is registered as 'HCLnet'. Did you mean 'HCLNet'?"),
        (
            (*REFINER, 'type'),
            'RefineNet',
            "network_g: refiner: type: nothing is registered as 'RefineNet'. Did you mean 'HCLRefineNet'?",
        ),
        (
            (*REFINER, 'type'),
            REMOVED,
            'network_g: refiner: type: is missing. Give the registered name of what shall be built.',
        ),
        (('network_d', 'type'), 5, 'network_d: type: nothing is registered as 5. See the registry'),
        (('train', 'pixel_opt', 'type'), 'L1', "train: pixel_opt: type: nothing is registered as 'L1'. "),
        (('train', 'gan_opt', 'type'), REMOVED, 'train: gan_opt: type: is missing. '),
        (('train', 'optim_g', 'type'), 'Adm', 'train: optim_g: type: expects an optimizer of torch that BasicSR knows'),
        ((*SCHEDULER, 'type'), 'Cosine', "train: scheduler: type: expects 'MultiStepLR' or "),
        (('val', 'metrics', 'psnr', 'type'), 'psnr', "val: metrics: psnr: type: nothing is registered as 'psnr'. "),
        (('val', 'metrics', 'psnr', 'type'), REMOVED, 'val: metrics: psnr: type: is missing. '),
    ],
)
def test_unknown_types(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert only_line(training, (keys, value)).startswith(line)


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (('name',), 5, 'name: expects a text, got 5.'),
        (('num_gpu',), -1, "num_gpu: expects a whole number of at least 0 or 'auto', got -1."),
        (('manual_seed',), 'x', "manual_seed: expects a whole number from 0 to 4294957295 or null, got 'x'."),
        (('precision',), 'fp8', "precision: must be one of ('fp32', 'bf16', 'fp16'), got 'fp8'."),
        (('compile',), 'fast', "compile: must be true, false or one of ('default', "),
        (('train', 'total_iter'), 'many', "train: total_iter: expects a whole number of at least 1, got 'many'."),
        (
            ('train', 'total_iter'),
            '5e3',
            'train: total_iter: expects a whole number of at least 1, got the text '
            "'5e3'. YAML needs a point in such a number, or !!float before it: !!float 5e3",
        ),
        (('train', 'total_iter'), 100.5, 'train: total_iter: expects a whole number of at least 1, got 100.5.'),
        (('train', 'phase1_iter'), None, 'train: phase1_iter: expects a whole number of at least 0, got null.'),
        (('train', 'ema_decay'), 2, 'train: ema_decay: expects a number from 0 to 1, got 2.'),
        (('train', 'accumulation_steps'), 0, 'train: accumulation_steps: must be a whole number of at least 1, got 0.'),
        (('train', 'max_skipped_steps'), 0, 'train: max_skipped_steps: must be a whole number of at least 1, got 0.'),
        (
            ('train', 'classifier_opt', 'loss_weight'),
            -1,
            'train: classifier_opt: loss_weight: expects a number of at least 0, got -1.',
        ),
        (
            ('train', 'pixel_opt', 'loss_weight'),
            -1,
            'train: pixel_opt: loss_weight: expects a number of at least 0, got -1.',
        ),
        (('train', 'pixel_opt', 'loss_weight'), 'two', "train: pixel_opt: loss_weight: expects a number, got 'two'."),
        (
            ('train', 'pixel_opt', 'reduction'),
            'avg',
            "train: pixel_opt: reduction: expects 'mean' or 'sum', got 'avg'.",
        ),
        (
            ('train', 'pixel_opt', 'reduction'),
            'none',
            "train: pixel_opt: reduction: expects 'mean' or 'sum', got 'none'",
        ),
        (
            ('train', 'perceptual_opt'),
            {'type': 'PerceptualLoss', 'layer_weights': {'relu2_2': 1}, 'criterion': 'l2'},
            "train: perceptual_opt: criterion: expects 'l1' or 'fro', got 'l2'.",
        ),
        (('train', 'contrastive_opt', 'temperature'), 0, 'train: contrastive_opt: temperature must be at least '),
        (
            ('train', 'contrastive_opt', 'max_pixels'),
            1.5,
            'train: contrastive_opt: max_pixels: expects a whole number or null, got 1.5.',
        ),
        (
            ('train', 'contrastive_opt'),
            'HCLContrastiveLoss',
            "train: contrastive_opt: expects a section with the `type` of a loss, got 'HCLContrastiveLoss'.",
        ),
        (('train', 'gan_opt', 'loss_weight'), [1], 'train: gan_opt: loss_weight: expects a number, got [1].'),
        (
            ('train', 'perceptual_opt', 'layer_weights'),
            REMOVED,
            'train: perceptual_opt: layer_weights: is missing, and there is no default.',
        ),
        (
            ('train', 'perceptual_opt', 'layer_weights'),
            {'relu2_2': '1'},
            'train: perceptual_opt: layer_weights: expects names with numbers, got ',
        ),
        (('train', 'perceptual_opt', 'vgg_type'), 'vgg18', 'train: perceptual_opt: vgg_type: expects one of vgg11, '),
        (
            ('train', 'optim_g', 'lr'),
            '5e-4',
            "train: optim_g: lr: expects a number of at least 0, got the text '5e-4'. YAML ",
        ),
        (('train', 'optim_g', 'lr'), REMOVED, 'train: optim_g: lr: is missing, and there is no default.'),
        (('train', 'optim_g', 'lr_refiner'), -1, 'train: optim_g: lr_refiner: expects a number of at least 0, got -1.'),
        (
            ('train', 'optim_g', 'betas'),
            0.9,
            'train: optim_g: betas: expects two numbers from 0 to 1, without 1, got 0.9.',
        ),
        (
            ('train', 'optim_d', 'betas'),
            [0.9, 1.0],
            'train: optim_d: betas: expects two numbers from 0 to 1, without 1',
        ),
        (
            (*SCHEDULER, 'periods'),
            100,
            'train: scheduler: periods: expects a list of whole numbers of at least 1, got 100.',
        ),
        ((*SCHEDULER, 'periods'), REMOVED, 'train: scheduler: periods: is missing, and there is no default.'),
        ((*SCHEDULER, 'eta_min'), '1e-5', 'train: scheduler: eta_min: expects a number of at least 0, got the text '),
        (
            SCHEDULER,
            {'type': 'MultiStepLR', 'milestones': [1.5]},
            'train: scheduler: milestones: expects a list of whole numbers of at least 0, got [1.5].',
        ),
        (('val', 'val_freq'), 0, 'val: val_freq: expects a whole number of at least 1, got 0.'),
        (('val', 'save_img'), 'no', "val: save_img: expects true or false, got 'no'."),
        (('val', 'guidance'), 'truth', "val: guidance: must be one of ('predicted', 'true'), got 'truth'."),
        (('val', 'hole_share_bins'), [[0.5, 0.2]], 'val: hole_share_bins: must be a list of [least, most] shares in '),
        (
            ('val', 'metrics', 'psnr'),
            'calculate_psnr',
            'val: metrics: psnr: expects a section with the `type` of a metric',
        ),
        (
            ('val', 'metrics', 'psnr', 'crop_border'),
            REMOVED,
            'val: metrics: psnr: crop_border: is missing, and there is ',
        ),
        (
            ('val', 'metrics', 'psnr', 'crop_border'),
            -1,
            'val: metrics: psnr: crop_border: expects a whole number of at least 0, got -1.',
        ),
        (
            ('val', 'metrics', 'psnr', 'crop_border'),
            '4',
            'val: metrics: psnr: crop_border: expects a whole number of at least 0',
        ),
        (
            ('val', 'metrics', 'psnr', 'crop_border'),
            0.5,
            'val: metrics: psnr: crop_border: expects a whole number of at least 0',
        ),
        (
            ('val', 'metrics', 'psnr', 'crop_border'),
            32,
            'val: metrics: psnr: crop_border: 32 at each side leave nothing of images of 64 pixels.',
        ),
        (
            ('val', 'metrics', 'psnr', 'input_order'),
            'CHW',
            "val: metrics: psnr: input_order: expects 'HWC', got 'CHW'.",
        ),
        (('val', 'metrics', 'psnr', 'input_order'), None, "val: metrics: psnr: input_order: expects 'HWC', got null."),
        (
            ('val', 'metrics', 'psnr', 'test_y_channel'),
            1,
            'val: metrics: psnr: test_y_channel: expects true or false, got',
        ),
        (('val', 'metrics', 'psnr', 'better'), 'more', "val: metrics: psnr: better: expects 'higher' or 'lower', got "),
        (
            ('val', 'metrics', 'psnr', 'image'),
            'gt',
            "val: metrics: psnr: image: expects 'restored' or 'coarse' or 'lq' or",
        ),
        (
            ('val', 'metrics', 'psnr', 'image'),
            'reversed',
            "val: metrics: psnr: image: 'reversed' needs `val: reverse: tru",
        ),
        (
            ('val', 'metrics', 'iou_s1', 'stage'),
            4,
            'val: metrics: iou_s1: stage: expects a whole number from 1 to 3, the ',
        ),
        (
            ('val', 'metrics', 'iou_s1', 'threshold'),
            'half',
            "val: metrics: iou_s1: threshold: expects a number or 'otsu'",
        ),
        (('logger', 'print_freq'), 0, 'logger: print_freq: expects a whole number of at least 1, got 0.'),
        (
            ('logger', 'save_checkpoint_freq'),
            -5,
            'logger: save_checkpoint_freq: expects a whole number of at least 1, got -5.',
        ),
        (
            ('logger', 'keep_checkpoints'),
            0,
            'logger: keep_checkpoints: expects a whole number of at least 1 or null, got 0.',
        ),
        (('logger', 'use_tb_logger'), 1, 'logger: use_tb_logger: expects true or false, got 1.'),
        (('dist_params', 'port'), 70000, 'dist_params: port: expects a port from 1 to 65535, got 70000.'),
        (('path', 'strict_load_g'), 'yes please', "path: strict_load_g: expects true or false, got 'yes please'."),
        (
            ('datasets', 'train', 'gt_size'),
            '64',
            'datasets: train: gt_size: expects a whole number of at least 16, got ',
        ),
        (('datasets', 'val', 'gt_size'), REMOVED, 'datasets: val: gt_size: is missing: side of a sample'),
        (
            ('datasets', 'train', 'hole_share'),
            [0.5, 0.1],
            'datasets: train: hole_share: expects two numbers with 0 <= ',
        ),
        (('datasets', 'train', 'use_hflip'), 1, 'datasets: train: use_hflip: expects true or false, got 1.'),
        (
            ('datasets', 'train', 'batch_size_per_gpu'),
            0,
            'datasets: train: batch_size_per_gpu: expects a whole number of ',
        ),
        (
            ('datasets', 'train', 'num_worker_per_gpu'),
            -1,
            'datasets: train: num_worker_per_gpu: expects a whole number ',
        ),
        (
            ('datasets', 'train', 'max_unreadable_share'),
            2,
            'datasets: train: max_unreadable_share: expects a number from 0 to 1, got 2.',
        ),
        (
            ('datasets', 'train', 'prefetch_mode'),
            'gpu',
            "datasets: train: prefetch_mode: expects 'cpu' or 'cuda' or null",
        ),
        (
            ('datasets', 'train', 'num_prefetch_queue'),
            0,
            'datasets: train: num_prefetch_queue: expects a whole number ',
        ),
        (('datasets', 'train', 'pin_memory'), 'yes', "datasets: train: pin_memory: expects true or false, got 'yes'."),
        ((*CORRUPTIONS, 'veil', 'opacity'), 2, 'datasets: train: corruptions: veil: opacity: expects a number or two '),
        (
            (*CORRUPTIONS, 'bars'),
            {'hole_share': 0.1},
            'datasets: train: corruptions: bars: hole_share: is given, but bar',
        ),
        (
            (*CORRUPTIONS[:2], 'degradation'),
            {'blur_prob': 1, 'blur_sigma': 21},
            'datasets: train: degradation: blur_sigma: expects a number or two rising numbers, from 0 to 20, got 21.',
        ),
        (
            (*CORRUPTIONS, 'text'),
            -1,
            'datasets: train: corruptions: text: weight: expects a number of at least 0, got -1.',
        ),
        (CORRUPTIONS, {'text': 0}, 'datasets: train: corruptions: expects weights of at least 0, one of them above 0'),
        (
            CORRUPTIONS,
            'text',
            "datasets: train: corruptions: expects kinds with weights, e.g. {patch: 1.0}, got 'text'.",
        ),
        (('network_g', 'dim'), '8', "network_g: dim: expects a whole number, got the text '8'. Leave out the quotes."),
        (('network_g', 'dim'), True, 'network_g: dim: expects a whole number, got true.'),
        (('network_g', 'dim'), 8.0, 'network_g: dim: expects a whole number, got 8.0.'),
        (('network_g', 'dim_mults'), 4, 'network_g: dim_mults: expects a list of whole numbers, got 4.'),
        (('network_g', 'fuse'), 'no', "network_g: fuse: expects true or false, got 'no'."),
        (
            ('network_g', 'mask_from'),
            'centres',
            "network_g: mask_from: expects one of 'clusters', 'pixels', got 'centres'",
        ),
        ((*REFINER, 'dim'), None, 'network_g: refiner: dim: expects a whole number, got null.'),
    ],
)
def test_wrong_values(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert only_line(training, (keys, value)).startswith(line)


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (
            ('datasets', 'train', 'num_worker_per_gpu'),
            1025,
            'datasets: train: num_worker_per_gpu: expects at most 1024',
        ),
        (
            ('datasets', 'train', 'batch_size_per_gpu'),
            2**16 + 2,
            'datasets: train: batch_size_per_gpu: expects at most ',
        ),
        (
            ('datasets', 'train', 'dataset_enlarge_ratio'),
            10**7,
            'datasets: train: dataset_enlarge_ratio: expects at most ',
        ),
        (('datasets', 'train', 'gt_size'), 2**14 + 1, 'datasets: train: gt_size: expects at most 16384, got 16385.'),
        (('datasets', 'val', 'gt_size'), 10**30, 'datasets: val: gt_size: expects at most 16384, got 1000'),
        (('network_g', 'dim'), 10**6 + 1, 'network_g: dim: expects at most 1000000, got 1000001.'),
        (('network_g', 'proj_dim'), -(10**9), 'network_g: proj_dim: expects at most 1000000, got -1000000000.'),
        (('network_g', 'num_heads'), [1, 2, 10**7], 'network_g: num_heads: expects at most 1000000, got 10000000.'),
        (('network_g', 'encoder_depths'), [2, 2, 1001], 'network_g: encoder_depths: expects at most 1000, got 1001.'),
        (
            ('network_g', 'decoder_depths'),
            [400] * 3,
            'network_g: decoder_depths: expects at most 1000 parts of the network, got 1206 (encoder_depths, decoder_d',
        ),
        (
            ('network_d',),
            {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_block': 301},
            'network_d: num_block: expects at most 300 parts of the network, got 301 (num_block).',
        ),
        (('network_g', 'n_conv_stages'), 1001, 'network_g: n_conv_stages: expects at most 1000, got 1001.'),
        (('network_g', 'kmeans_iters'), 10**9, 'network_g: kmeans_iters: expects at most 1000, got 1000000000.'),
        (
            ('network_g', 'conf_thresholds'),
            [0.5] * 65,
            'network_g: conf_thresholds: expects at most 64 entries, got 65.',
        ),
        ((*REFINER, 'dim_mults'), [1] * 65, 'network_g: refiner: dim_mults: expects at most 64 entries, got 65.'),
        (('network_d', 'dim'), 10**400, 'network_d: dim: expects at most 1000000, got '),
        (
            ('train', 'contrastive_opt', 'max_pixels'),
            10**7,
            'train: contrastive_opt: max_pixels: expects at most 1000000,',
        ),
        (
            ('train', 'pixel_opt', 'loss_weight'),
            1e9,
            'train: pixel_opt: loss_weight: expects a number of at least 0 and below',
        ),
        (
            ('train', 'classifier_opt', 'loss_weight'),
            1e10,
            'train: classifier_opt: loss_weight: expects a number of at least 0 ',
        ),
        (
            ('train', 'optim_g', 'lr'),
            1e9,
            'train: optim_g: lr: expects a number of at least 0 and below 1e+09, got 10000000',
        ),
        (
            ('train', 'optim_g', 'lr_refiner'),
            1e12,
            'train: optim_g: lr_refiner: expects a number of at least 0 and below 1e',
        ),
    ],
)
def test_numbers_without_measure(keys: Keys, value: Any, line: str, training: Options) -> None:
    start = time.perf_counter()
    assert only_line(training, (keys, value)).startswith(line)
    assert time.perf_counter() - start < 20  # some 0.3 s on an idle machine


@pytest.mark.parametrize(
    ('keys', 'value', 'text'),
    [
        *(
            ((name,), value, f'{name}: expects a whole number of at least 1, got {value}.')
            for name in (
                'dim',
                'proj_dim',
                'window_size',
                'bottleneck_window_size',
                'bottleneck_depth',
                'kmeans_repeats',
            )
            for value in (0, -3)
        ),
        *(
            ((name,), -1, f'{name}: expects a whole number of at least 0, got -1.')
            for name in ('kmeans_iters', 'n_conv_stages')
        ),
        (('temperature',), 0, 'temperature: expects a number above 0, got 0.'),
        (('temperature',), -0.1, 'temperature: expects a number above 0, got -0.1.'),
        (
            ('encoder_depths',),
            [2, 0, 2],
            'encoder_depths: expects one or more whole numbers of at least 1, got [2, 0, 2].',
        ),
        (('dim_mults',), [1, 0, 2], 'dim_mults: expects one or more whole numbers of at least 1, got [1, 0, 2].'),
        (
            ('refiner', 'dim_mults'),
            [],
            'refiner: dim_mults: expects one or more whole numbers of at least 1, got none.',
        ),
        (('refiner', 'dim'), 0, 'refiner: dim: expects a whole number of at least 1, got 0.'),
    ],
)
def test_networks_of_nothing(keys: Keys, value: Any, text: str, training: Options) -> None:
    assert only_line(training, (('network_g', *keys), value)) == f'network_g: {text}'


@pytest.mark.parametrize(
    ('keys', 'value', 'text'),
    [
        (('network_d', 'dim'), 0, 'expects a whole number of at least 1, got 0.'),
        (('network_d', 'dim_mults'), [], 'expects one or more whole numbers of at least 1, got none.'),
        (('train', 'contrastive_opt', 'max_pixels'), 0, 'expects a whole number of at least 1, got 0.'),
        (('train', 'contrastive_opt', 'max_representatives'), 3, 'expects a whole number of at least 4, got 3.'),
    ],
)
def test_other_parts_of_nothing(keys: Keys, value: Any, text: str, training: Options) -> None:
    assert only_line(training, (keys, value)) == ': '.join((*keys, text))


@pytest.mark.parametrize(
    ('keys', 'value', 'text'),
    [
        (('detector', 'depth'), 0, 'detector: depth: expects a whole number of at least 1, got 0.'),
        (('detector', 'num_heads'), 0, 'detector: num_heads: expects a whole number of at least 1, got 0.'),
        (('detector', 'patch_size'), 0, 'detector: patch_size: expects a whole number of at least 1, got 0.'),
        (
            ('restorer',),
            {'type': 'VCNetInpainter', 'dim': 0},
            'restorer: dim: expects a whole number of at least 1, got 0',
        ),
        (
            ('restorer',),
            {'type': 'VCNetInpainter', 'n_blocks': -1},
            'restorer: n_blocks: expects a whole number of at lea',
        ),
    ],
)
def test_combinations_of_nothing(keys: Keys, value: Any, text: str, testing: Options) -> None:
    assert only_line(testing, (('network_g', *keys), value)).startswith(f'network_g: {text}')


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        (
            [(('train', 'accumulation_steps'), 3)],
            'train: accumulation_steps: a batch of 4 images (`datasets: train: batch_size_per_gpu`) cannot be divided ',
        ),
        (
            [(('network_g', 'encoder_depths'), [2, 2])],
            'network_g: encoder_depths must have one value for each of the 3 stages of dim_mults: [2, 2].',
        ),
        ([((*REFINER, 'dim'), -4)], 'network_g: refiner: '),
        (
            [(REFINER, {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'scale': 1, 'num_block': 1})],
            'network_g: refiner: is given images of 4 channels, 64 x 64 pixels, and cannot take them: ',
        ),
        (
            [(REFINER, {'type': 'RRDBNet', 'num_in_ch': 4, 'num_out_ch': 3, 'scale': 4, 'num_block': 1})],
            'network_g: refiner: is given images of 4 channels, 64 x 64 pixels, and has to give back 3 channels of tha',
        ),
        (
            [(('network_d',), {'type': 'VGGStyleDiscriminator', 'num_in_ch': 3, 'num_feat': 4})],
            'network_d: cannot take images of 64 x 64 pixels (`datasets: train: gt_size`): ',
        ),
        (
            [((*SCHEDULER, 'periods'), [60, 30])],
            'train: scheduler: periods: they end after 90 iterations, but the training goes on to 100',
        ),
        (
            [((*SCHEDULER, 'periods'), [60, 40, 10])],
            'train: scheduler: restart_weights: expects a weight for each of the 3 periods, got 2 of them.',
        ),
        (
            [((*SCHEDULER, 'restart_weights'), REMOVED)],
            'train: scheduler: restart_weights: expects a weight for each of the 2 periods, got 1 by default.',
        ),
        (
            [(('train', 'phase1_iter'), 101)],
            'train: phase1_iter: 101 is more than the 100 iterations of `train: total_iter`: the predicted mask would ',
        ),
        ([(('train', 'detector_iter'), 101)], 'train: detector_iter: 101 is more than the 100 iterations'),
        (
            [(('logger', 'wandb'), {'project': 'p'}), (('logger', 'use_tb_logger'), False)],
            'logger: wandb: needs `use_tb_logger: true`.',
        ),
        ([(('num_gpu',), 9)], 'num_gpu: 9 are wanted, but '),
        (
            [(('datasets', 'train', 'persistent_workers'), True)],
            'datasets: train: persistent_workers: needs workers, but `num_worker_per_gpu` is 0.',
        ),
        (
            [(('datasets', 'val', 'persistent_workers'), True)],
            'datasets: val: persistent_workers: works in training only',
        ),
        (
            [(('datasets', 'train', 'prefetch_mode'), 'cpu'), (('datasets', 'train', 'num_worker_per_gpu'), 0)],
            "datasets: train: prefetch_mode: 'cpu' needs workers",
        ),
        (
            [(('datasets', 'train', 'prefetch_mode'), 'cuda'), (('datasets', 'train', 'pin_memory'), True)],
            "datasets: train: prefetch_mode: 'cuda' needs a GPU",
        ),
        (
            [(('datasets', 'train', 'masks'), {'lines': 1}), (('datasets', 'train', 'dataroot_mask'), REMOVED)],
            "datasets: train: masks: the masks 'lines' are one pixel wide and vanish",
        ),
        (
            [(('datasets', 'train', 'io_backend'), {'type': 'lmdb'})],
            "datasets: train: io_backend: is of type lmdb, so every root has to end with '.lmdb'",
        ),
        # What the model itself checks.
        ([(('train', 'phase1_iter'), REMOVED)], 'train: phase1_iter: is missing: up to which iteration the true mask '),
        (
            [(('network_d',), REMOVED)],
            'network_d: and train.gan_opt belong together: give both or nei',
        ),
        ([(('train', 'optim_d'), REMOVED)], 'train: optim_d: is missing: network_d needs an optimizer.'),
        ([(('network_g', 'mask_from'), 'pixels')], 'train: mask_opt: and network_g.mask_from: '),
        (
            [(('train', 'pixel_opt'), REMOVED), (('train', 'perceptual_opt'), REMOVED)],
            "train: pixel_opt: BasicSR's SRModel needs this or `perceptual_opt`.",
        ),
        (
            [(('network_g',), {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3})],
            'network_g: type: HCLModel needs a blind restoration network, such as HCLNet, VCNet or DetectThenRestore; ',
        ),
        (
            [(('network_g',), {'type': 'VCNet', 'dim': 8})],
            'train: contrastive_opt: needs the clusters of HCLNet, which VC',
        ),
    ],
)
def test_options_that_do_not_fit_each_other(changes: list[tuple[Keys, Any]], line: str, training: Options) -> None:
    assert only_line(training, *changes).startswith(line)


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        (
            [(('network_g', 'restorer', 'num_in_ch'), 3)],
            'network_g: restorer: is given images of 4 channels, 64 x 64 pixels, and cannot take them: ',
        ),
        (
            [(('network_g', 'restorer_input'), ['image'])],
            'network_g: restorer: is given images of 3 channels, 64 x 64 pixels, and cannot take them: ',
        ),
        (
            [(('network_g', 'restorer_input'), ['picture'])],
            "network_g: restorer_input: expects a list of one of 'image', ",
        ),
        ([(('network_g', 'restorer'), REMOVED)], 'network_g: restorer: is missing, and there is no default.'),
        (
            [(('network_g', 'detector', 'num_heads'), 3)],
            'network_g: detector: dim must be divisible by num_heads, got 8 and 3.',
        ),
        ([(('network_g', 'masked_value'), 2)], 'network_g: masked_value must be in [0, 1], got 2.'),
        (
            [(('network_g', 'restorer_param_key'), 'params')],
            'network_g: restorer_param_key chooses an entry of restorer_weights, which is not given.',
        ),
        (
            [(('datasets', 'test_2', 'name'), 'A')],
            "datasets: test_2: name: 'A' is the name of `datasets: test_1` too, whose results would be overwritten.",
        ),
        (
            [(('datasets', 'test_2', 'name'), 'A_bins')],
            "datasets: test_2: name: 'A_bins' is what the scores of `datasets: test_1` in bins are called. Rename one.",
        ),
        (
            [(('datasets', 'test_1', 'name'), 'B_bins')],
            "datasets: test_1: name: 'B_bins' is what the scores of `datasets: test_2` in bins are called. Rename one.",
        ),
        (
            [(('network_g', 'detector_weights'), 'nowhere.pth')],
            'network_g: detector_weights: expected a file, found nothing: nowhere.pth. Correct the path',
        ),
    ],
)
def test_combinations(changes: list[tuple[Keys, Any]], line: str, testing: Options) -> None:
    assert only_line(testing, *changes).startswith(line)


NOWHERE = 'expected a folder of images or an LMDB folder (*.lmdb), found nothing. Correct the path.'


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (('datasets', 'val', 'dataroot_gt'), 'nowhere', f'datasets: val: dataroot_gt: nowhere: {NOWHERE}'),
        (('datasets', 'train', 'dataroot_noise'), ['a.lmdb'], f'datasets: train: dataroot_noise: a.lmdb: {NOWHERE}'),
        (('datasets', 'train', 'dataroot_mask'), 'nowhere', f'datasets: train: dataroot_mask: nowhere: {NOWHERE}'),
        (('datasets', 'train', 'dataroot_gt'), REMOVED, 'datasets: train: dataroot_gt: is missing. Give a folder of '),
        (
            ('datasets', 'train', 'dataroot_noise'),
            REMOVED,
            'datasets: train: dataroot_noise: is missing, but the corrupti',
        ),
        (
            (*CORRUPTIONS, 'graffiti'),
            {'dataroot': 'nowhere'},
            f'datasets: train: corruptions: graffiti: dataroot: nowhere: {NOWHERE}',
        ),
        (
            ('path', 'pretrain_network_g'),
            'no.pth',
            'path: pretrain_network_g: expected a file, found nothing: no.pth. ',
        ),
        (('path', 'pretrain_network_g'), '/', 'path: pretrain_network_g: expected a file, found a folder: /. Correct '),
        (
            ('train', 'perceptual_opt', 'weights'),
            'no.pth',
            'train: perceptual_opt: weights: expected a file, found noth',
        ),
        (
            ('val', 'metrics', 'fid', 'weights'),
            'no.pth',
            'val: metrics: fid: weights: expected a file, found nothing: ',
        ),
    ],
)
def test_missing_files(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert only_line(training, (keys, value)).startswith(line)


def test_folders_without_enough_in_them(training: Options, tmp_path: Path) -> None:
    empty, single, no_data = (tmp_path / name for name in ('empty', 'single', 'cut.lmdb'))
    empty.mkdir()
    make_folder(single, 1)
    make_lmdb(no_data)
    (no_data / 'data.mdb').unlink()
    noise = 'datasets', 'train', 'dataroot_noise'
    assert f'datasets: train: dataroot_noise: {empty}: expected images' in only_line(training, (noise, str(empty)))
    assert 'dataroot_noise: expects at least 2 different images, found 1' in only_line(training, (noise, str(single)))
    assert f'dataroot_noise: {no_data}: expected the file data.mdb' in only_line(training, (noise, str(no_data)))
    line = only_line(training, ((*CORRUPTIONS, 'veil', 'dataroot'), str(single)))
    assert line.startswith('datasets: train: corruptions: veil: dataroot: expects at least 2 different images')


def test_lmdbs_that_would_kill_the_process(training: Options, tmp_path: Path) -> None:
    cut, foreign = Path(make_lmdb(tmp_path / 'cut.lmdb')), Path(make_lmdb(tmp_path / 'foreign.lmdb'))
    noise = 'datasets', 'train', 'dataroot_noise'
    assert find_problems(changed(training, (noise, str(cut)))) == []
    with open(cut / 'data.mdb', 'r+b') as file:
        file.truncate(4096)
    (foreign / 'data.mdb').write_bytes(b'GIF89a' * 2000)
    for folder in (cut, foreign):
        line = only_line(training, (noise, str(folder)))
        assert line.startswith(f'datasets: train: dataroot_noise: {folder}/data.mdb: expected the data file of an LMDB')


def pairs_of_basicsr(folder: Path) -> Options:
    return {
        'name': 'P', 'type': 'PairedImageDataset', 'dataroot_gt': make_folder(folder / 'gt'),
        'dataroot_lq': make_folder(folder / 'lq'), 'io_backend': {'type': 'disk'}, 'gt_size': 64, 'scale': 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ('key', 'value', 'line'),
    [
        ('dataroot_gt', 'nowhere', 'dataroot_gt: nowhere: expected a folder, found nothing. Correct the path.'),
        ('dataroot_lq', __file__, f'dataroot_lq: {__file__}: expected a folder, found a file. Correct the path.'),
        ('meta_info_file', 'no.txt', 'meta_info_file: expected a file, found nothing: no.txt. '),
        ('io_backend', REMOVED, 'io_backend: is missing: expects {type: disk} or {type: lmdb}.'),
        ('io_backend', None, 'io_backend: is missing: expects {type: disk} or {type: lmdb}.'),
        ('io_backend', 'disk', "io_backend: expects {type: disk} or {type: lmdb}, got 'disk'."),
    ],
)
def test_data_sets_of_basicsr(key: str, value: Any, line: str, training: Options, tmp_path: Path) -> None:
    pairs = pairs_of_basicsr(tmp_path)
    assert find_problems(changed(training, (('datasets', 'val'), pairs))) == []
    if value is REMOVED:
        del pairs[key]
    spoilt = changed(training, (('datasets', 'val'), pairs if value is REMOVED else {**pairs, key: value}))
    assert only_line(spoilt).startswith(f'datasets: val: {line}')


def test_scale_of_basicsrs_pairs(training: Options, tmp_path: Path) -> None:
    pairs = pairs_of_basicsr(tmp_path)
    del pairs['scale']
    opt = changed(training, (('datasets', 'val'), pairs))
    line = only_line(opt)
    assert line.startswith('scale: is missing: the PairedImageDataset in `datasets: val` looks it up. Write `scale: 1`')
    with pytest.raises(KeyError, match='scale'):
        build_dataset({**pairs, 'phase': 'val'})[0]
    assert find_problems(changed(opt, (('scale',), 1))) == []


def test_lmdbs_of_basicsr(training: Options, tmp_path: Path) -> None:
    pairs = {**pairs_of_basicsr(tmp_path), 'io_backend': {'type': 'lmdb'}}
    pairs['dataroot_lq'] = make_lmdb(tmp_path / 'lq.lmdb')
    opt = changed(training, (('datasets', 'val'), pairs))
    assert only_line(opt).startswith(f'datasets: val: dataroot_gt: {tmp_path}/gt: expected an LMDB folder (*.lmdb), as')
    opt['datasets']['val']['dataroot_gt'] = make_lmdb(tmp_path / 'gt.lmdb')
    assert find_problems(opt) == []
    (tmp_path / 'gt.lmdb' / 'data.mdb').write_bytes(b'')
    assert only_line(opt).startswith(f'datasets: val: dataroot_gt: {tmp_path}/gt.lmdb/data.mdb: expected the data file')


def written_to(root: Path, options: Options, *, is_train: bool) -> Options:
    """The options as the parser returns them for a run below `root`."""
    opt = parsed(options, is_train=is_train)
    key, folder = ('experiments_root', 'experiments') if is_train else ('results_root', 'results')
    return changed(opt, (('path', key), str(root / folder / opt['name'])), (('root_path',), str(root)))


@pytest.mark.parametrize('folder', ['experiments', 'tb_logger', 'experiments/example'])
def test_places_taken_by_files(folder: str, training: Options, tmp_path: Path) -> None:
    opt = written_to(tmp_path, training, is_train=True)
    assert find_problems(opt) == []
    (tmp_path / folder).parent.mkdir(exist_ok=True)
    (tmp_path / folder).touch()
    (line,) = find_problems(opt)
    assert line.startswith(f'path: {tmp_path / folder}: is no folder and cannot be written to, as is needed for ')


def test_place_of_results_taken_by_a_dangling_link(testing: Options, tmp_path: Path) -> None:
    opt = written_to(tmp_path, testing, is_train=False)
    (tmp_path / 'results').symlink_to(tmp_path / 'nowhere')
    (line,) = find_problems(opt)
    assert line.startswith(f'path: {tmp_path}/results: is no folder and cannot be written to')


def test_protected_folders(training: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.access` stands in, as nothing is protected from the superuser."""
    protected: list[str] = []
    monkeypatch.setattr(os, 'access', lambda path, _: path not in protected)
    opt = changed(written_to(tmp_path, training, is_train=True), (('logger', 'use_tb_logger'), False))
    protected.append(str(tmp_path))
    (line,) = find_problems(opt)
    assert line.startswith(f'path: {tmp_path}: is a folder that is protected and cannot be written to, as is needed fo')
    (tmp_path / 'experiments' / 'example').mkdir(parents=True)
    assert find_problems(opt) == []
    protected.append(str(tmp_path / 'experiments'))  # where the earlier run would get another name
    assert len(find_problems(opt)) == 1
    resumed = changed(opt, (('auto_resume',), True), (('path', 'training_states'), str(tmp_path)))
    (tmp_path / '1.state').touch()
    assert find_problems(resumed) == []


def test_layouts(training: Options, tmp_path: Path) -> None:
    sets = {'name': 'I', 'type': 'HCLISTDDataset', 'dataroot': str(tmp_path), 'gt_size': 64}
    opt = changed(training, (('datasets', 'val'), sets))
    assert only_line(opt).startswith(f"datasets: val: dataroot: data set 'I': {tmp_path}/test/test_A: expected a fol")
    lines = find_problems(changed(
        opt, (('datasets', 'val', 'split'), 'tset'), (('datasets', 'val', 'gt_size'), 3),
        (('datasets', 'val', 'kinds'), ['a']),
    ))  # fmt: skip
    expected = ('kinds: unknown option', 'split: expects one of train, test, got', 'gt_size: expects', 'dataroot: ')
    assert len(lines) == len(expected)
    assert all(line.startswith(f'datasets: val: {text}') for line, text in zip(lines, expected))


def test_several_mistakes_are_all_listed(training: Options) -> None:
    changes = {
        ('precison',): 'bf16', ('num_gpu',): 'two', ('datasets', 'train', 'gt_size'): 3,
        ('datasets', 'train', 'gt_siz'): 64, ('datasets', 'train', 'seed'): -1,
        ('datasets', 'train', 'dataroot_gt'): 'nowhere', ('datasets', 'train', 'dataroot_noise'): 'no.lmdb',
        (*CORRUPTIONS, 'veil', 'opacity'): 5, (*CORRUPTIONS, 'veil', 'blur_sigma'): -5,
        (*CORRUPTIONS, 'spary'): {'type': 'grafiti'}, ('datasets', 'val', 'hole_share'): 7,
        ('network_g', 'dimm'): 8, ('network_g', 'fuse'): 3, (*REFINER, 'dim'): 'x', ('network_d', 'dim'): 0.5,
        ('train', 'phase1_iter'): 1000, ('train', 'total_itr'): 1, ('train', 'accumulation_steps'): 'x',
        ('train', 'optim_g', 'lr'): '1e-3', ('train', 'optim_d', 'eps'): 'x', (*SCHEDULER, 'periods'): [1, 2],
        ('train', 'pixel_opt', 'reduction'): 3, ('train', 'gan_opt', 'type'): 'GAN', ('val', 'reverse'): 1,
        ('val', 'metrics', 'psnr', 'type'): 'calculate_psrn', ('logger', 'print_freq'): 0,
        ('dist_params', 'port'): 'x', ('path', 'pretrain_network_g'): 'nowhere.pth',
    }  # fmt: skip
    lines = find_problems(changed(training, *changes.items()))
    for keys in changes:
        place = ': '.join(keys)
        assert any(line.startswith(f'{place}: ') for line in lines), place
    assert len(lines) == len(changes)


def test_what_follows_from_a_mistake_is_not_listed(training: Options) -> None:
    """With `corruptions` set aside its default would ask for photographs, without `dataroot_mask` `masks` for it."""
    sets = ('datasets', 'train')
    lines = find_problems(changed(
        training, ((*sets, 'corruptions'), {'constant': 0}), ((*sets, 'dataroot_noise'), REMOVED),
        ((*sets, 'dataroot_mask'), 3), ((*sets, 'masks'), {'folder': 1}), ((*sets, 'mask_cache'), 5),
    ))  # fmt: skip
    assert [line.split(' expects')[0] for line in lines] == [
        'datasets: train: dataroot_mask:', 'datasets: train: corruptions:',
    ]  # fmt: skip
    line = only_line(training, ((*sets, 'masks'), {'half': 1}), ((*sets, 'mask_cache'), 5))
    assert line.startswith("datasets: train: dataroot_mask: is given, but 'masks' gives no weight to 'folder'")


def test_all_that_the_model_says(training: Options) -> None:
    lines = find_problems(changed(
        training, (('network_d',), REMOVED), (('train', 'phase1_iter'), REMOVED), (('train', 'accumulation_steps'), -1),
        (('train', 'mask_opt'), {'loss_weight': 1}),
    ))  # fmt: skip
    assert [line.split(':')[1] for line in lines] == [
        ' phase1_iter', ' and train.gan_opt belong together', ' accumulation_steps', ' mask_opt',
    ]  # fmt: skip


def test_several_processes(training: Options) -> None:
    opt = changed(parsed(training, is_train=True), (('dist',), True))
    (line,) = find_problems(opt)
    assert line == 'train: detector_iter: with several processes needs `find_unused_parameters: true`.'
    opt = changed(opt, (('find_unused_parameters',), True))
    assert find_problems(opt) == []
    opt = changed(opt, (('num_gpu',), 2), (('datasets', 'train', 'batch_size_per_gpu'), 1))  # of each process
    assert find_problems(opt)[0].startswith('train: accumulation_steps: a batch of 1 images')
