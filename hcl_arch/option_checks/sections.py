"""Names and single values in the sections whose options are fixed: the top, `path`, `train`, `val`, `logger` ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from basicsr.utils.registry import MODEL_REGISTRY

from hcl_arch.models import blind_validation_model
from hcl_arch.option_checks.limits import LARGEST_NUMBER
from hcl_arch.option_checks.lines import problem, shown
from hcl_arch.option_checks.registered import type_problem
from hcl_arch.option_checks.rules import (
    FLAG,
    MAPPING,
    OPTIONAL_TEXT,
    SEED,
    TEXT,
    Rule,
    Rules,
    check_unknown,
    check_values,
    count,
    is_whole,
    number,
    whole,
)
from hcl_arch.option_checks.run_options import RunOptions

# What `parse_options` and the pipelines add.
_PARSER_KEYS = ('dist', 'rank', 'world_size', 'auto_resume', 'is_train', 'root_path')
_PARSER_PATHS = ('experiments_root', 'results_root', 'models', 'training_states', 'log', 'visualization')
_TOP_RULES: Rules = {
    'name': TEXT,
    'num_gpu': Rule("a whole number from 0 up or 'auto'", lambda value: value == 'auto' or is_whole(value, 0)),
    'manual_seed': SEED,
    'scale': whole(1),
    'find_unused_parameters': FLAG,
}
_TOP_KEYS = (
    *_TOP_RULES, 'model_type', 'datasets', 'network_g', 'network_d', 'path', 'train', 'val', 'logger', 'dist_params',
    'precision', 'compile', 'plugin', *_PARSER_KEYS,
)  # fmt: skip
# The user's own sections, such as those that hold YAML anchors.
_OWN_PREFIX = 'x-'
_PATH_RULES: Rules = {
    'strict_load_g': FLAG, 'strict_load_d': FLAG, 'param_key_g': OPTIONAL_TEXT,
    'ignore_resume_networks': Rule('a list of networks', lambda value: isinstance(value, (list, str)), nullable=True),
}  # fmt: skip
_PATH_KEYS = (*_PATH_RULES, 'pretrain_network_g', 'pretrain_network_d', 'resume_state', *_PARSER_PATHS)
_TRAIN_RULES: Rules = {
    'total_iter': count(1), 'warmup_iter': count(-1), 'ema_decay': number(0, 1),
}  # fmt: skip
_OUR_TRAIN_RULES: Rules = {
    'phase1_iter': count(0), 'detector_iter': count(0),
    **dict.fromkeys(('mask_opt', 'classifier_opt'), MAPPING),
}  # fmt: skip
# Weights of losses that the models compute themselves.
_OWN_LOSS_RULES: Rules = {
    key: number(0, below=LARGEST_NUMBER) for key in ('loss_weight', 'pixel_weight', 'iou_weight')
}  # fmt: skip
_VAL_RULES: Rules = {
    'val_freq': count(1), 'save_img': FLAG, 'pbar': FLAG, 'suffix': OPTIONAL_TEXT, 'metrics': MAPPING,
}  # fmt: skip
_OUR_VAL_RULES: Rules = {'max_save_img': whole(0, nullable=True), 'panel_images': whole(0), 'reverse': FLAG}
_LOGGER_RULES: Rules = {
    'print_freq': count(1), 'save_checkpoint_freq': count(1), 'use_tb_logger': FLAG,
    'keep_checkpoints': whole(1, nullable=True), 'wandb': MAPPING,
}  # fmt: skip
_WANDB_RULES: Rules = {'project': OPTIONAL_TEXT, 'resume_id': OPTIONAL_TEXT}
_DIST_RULES: Rules = {
    'backend': TEXT, 'port': Rule('a port from 1 to 65535', lambda value: is_whole(value, 1) and value < 2**16),
}  # fmt: skip


def check_top(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options at the top of the file."""
    if run.our_model is not None:
        # Others read options of their own there.
        own = [key for key in run.opt if isinstance(key, str) and key.startswith(_OWN_PREFIX)]
        yield from check_unknown(run.opt, (*_TOP_KEYS, *own), ())
    if 'model_type' in run.opt:
        wrong = type_problem(MODEL_REGISTRY, run.opt, (), key='model_type')
        yield from [wrong] if wrong else []
    yield from check_values(run.opt, _TOP_RULES, ())
    wanted: Any = run.opt.get('num_gpu')
    visible = torch.cuda.device_count()
    if is_whole(wanted, 1) and wanted > visible and not run.switched_on('dist'):
        yield problem(('num_gpu',), f'{wanted} are wanted, but {visible} can be seen. Give auto, or 0 for the CPU.')


def check_path(run: RunOptions) -> Iterator[str]:
    """Yield problems of the names and flags under `path:`; whether files are there is another check's business."""
    if run.our_model is not None:
        yield from check_unknown(run.section('path'), _PATH_KEYS, ('path',))
    yield from check_values(run.section('path'), _PATH_RULES, ('path',))


def check_train(run: RunOptions) -> Iterator[str]:
    """Yield problems of the numbers under `train:`; optimizers, scheduler and losses have checks of their own."""
    if not run.is_train:
        return
    train = run.section('train')
    yield from check_values(train, _TRAIN_RULES, ('train',))
    if run.our_model is None:
        return
    yield from check_unknown(train, run.our_model.TRAIN_KEYS, ('train',))
    yield from check_values(train, _OUR_TRAIN_RULES, ('train',))
    of_weights = {'mask_opt': ('loss_weight', 'iou_weight'), 'classifier_opt': ('loss_weight', 'pixel_weight')}
    for key, known in of_weights.items():
        if key in run.our_model.TRAIN_KEYS:
            yield from check_unknown(run.section('train', key), known, ('train', key))
            yield from check_values(run.section('train', key), _OWN_LOSS_RULES, ('train', key))


def check_val(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `val:`, but for the metrics."""
    val = run.section('val')
    yield from check_values(val, _VAL_RULES, ('val',))
    if run.our_model is not None:
        yield from check_unknown(val, blind_validation_model._VAL_KEYS, ('val',))
        yield from check_values(val, _OUR_VAL_RULES, ('val',))


def check_logger(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `logger:`."""
    logger = run.section('logger')
    yield from check_unknown(logger, tuple(_LOGGER_RULES), ('logger',))
    yield from check_values(logger, _LOGGER_RULES, ('logger',))
    wandb = run.section('logger', 'wandb')
    yield from check_unknown(wandb, tuple(_WANDB_RULES), ('logger', 'wandb'))
    yield from check_values(wandb, _WANDB_RULES, ('logger', 'wandb'))
    if wandb.get('project') is not None and logger.get('use_tb_logger') is not True:
        yield problem(('logger', 'wandb'), 'needs `use_tb_logger: true`.')


def check_dist_params(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `dist_params:`."""
    options: Mapping[Any, Any] = run.section('dist_params')
    yield from check_unknown(options, tuple(_DIST_RULES), ('dist_params',))
    yield from check_values(options, _DIST_RULES, ('dist_params',))


def check_accumulation(run: RunOptions) -> Iterator[str]:
    """Yield a problem if batches cannot be divided into the parts that they shall be trained in."""
    if run.our_model is None or not run.is_train:
        return
    steps: Any = run.section('train').get('accumulation_steps', 1)
    batch: Any = run.training_set.get('batch_size_per_gpu')
    if not is_whole(steps, 1) or not is_whole(batch, 1):
        return
    gpus: Any = run.opt.get('num_gpu')
    # Without processes of their own, several GPUs share the loader's batch.
    images = batch * (gpus if is_whole(gpus, 1) and not run.switched_on('dist') else 1)
    if images % steps:
        yield problem(
            ('train', 'accumulation_steps'),
            f'a batch of {images} images (`datasets: train: batch_size_per_gpu`) cannot be divided into '
            f'{shown(steps)} equal parts.',
        )
