"""Checks of names and single values in the fixed sections: the top, `path`, `train`, `val`, `logger` ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from basicsr.utils.registry import MODEL_REGISTRY

from hcl_arch.option_checks.declared import (
    ClassifierLossSection,
    DistSection,
    LoggerSection,
    MaskLossSection,
    PathSection,
    TopSection,
    TrainSection,
    ValSection,
    WandbSection,
)
from hcl_arch.option_checks.registered import type_problem
from hcl_arch.option_checks.rules import check_unknown
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_fields import OptionSection, is_whole
from hcl_arch.utils.option_lines import Place, problem, shown

# Options added by `parse_options` and the pipelines.
_PARSER_KEYS = ('dist', 'rank', 'world_size', 'auto_resume', 'is_train', 'root_path')
_PARSER_PATHS = ('experiments_root', 'results_root', 'models', 'training_states', 'log', 'visualization')
# The user's own sections, such as those that hold YAML anchors.
_OWN_PREFIX = 'x-'
# Options read by all of BasicSR's models.
_BASICSRS_TRAIN_KEYS = ('total_iter', 'warmup_iter', 'ema_decay')
_BASICSRS_VAL_KEYS = ('val_freq', 'save_img', 'pbar', 'suffix', 'metrics')


def check_top(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options at the top of the file."""
    if run.our_model is not None:
        # Other models read their own options there.
        own = [key for key in run.opt if isinstance(key, str) and key.startswith(_OWN_PREFIX)]
        yield from check_unknown(run.opt, (*TopSection.option_names(), *_PARSER_KEYS, *own), ())
    if 'model_type' in run.opt:
        wrong = type_problem(MODEL_REGISTRY, run.opt, (), key='model_type')
        yield from [wrong] if wrong else []
    yield from _values(TopSection, run.opt, ())
    wanted: Any = run.opt.get('num_gpu')
    visible = torch.cuda.device_count()
    if is_whole(wanted, 1) and wanted > visible and not run.switched_on('dist'):
        yield problem(('num_gpu',), f'{wanted} are wanted, but {visible} can be seen. Give auto, or 0 for the CPU.')


def check_path(run: RunOptions) -> Iterator[str]:
    """Yield problems of the names and flags under `path:`; another check looks for the files."""
    if run.our_model is not None:
        known = (*PathSection.option_names(), *_PARSER_PATHS)
        yield from check_unknown(run.section('path'), known, ('path',))
    yield from _values(PathSection, run.section('path'), ('path',))


def check_train(run: RunOptions) -> Iterator[str]:
    """Yield problems of the numbers under `train:`; optimizers, scheduler and losses have separate checks."""
    if not run.is_train:
        return
    train = run.section('train')
    if run.our_model is None:
        basicsrs = {key: train[key] for key in _BASICSRS_TRAIN_KEYS if key in train}
        yield from _values(TrainSection, basicsrs, ('train',))
        return
    yield from check_unknown(train, run.our_model.TRAIN_KEYS, ('train',))
    yield from _values(TrainSection, train, ('train',))
    for key, section in (('mask_opt', MaskLossSection), ('classifier_opt', ClassifierLossSection)):
        if key in run.our_model.TRAIN_KEYS:
            yield from _all(section, run.section('train', key), ('train', key))


def check_val(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `val:`, except the metrics."""
    val = run.section('val')
    if run.our_model is not None:
        yield from check_unknown(val, ValSection.option_names(), ('val',))
        yield from _values(ValSection, val, ('val',))
    else:
        basicsrs = {key: val[key] for key in _BASICSRS_VAL_KEYS if key in val}
        yield from _values(ValSection, basicsrs, ('val',))


def check_logger(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `logger:`."""
    logger = run.section('logger')
    yield from _all(LoggerSection, logger, ('logger',))
    wandb = run.section('logger', 'wandb')
    yield from _all(WandbSection, wandb, ('logger', 'wandb'))
    if wandb.get('project') is not None and logger.get('use_tb_logger') is not True:
        yield problem(('logger', 'wandb'), 'needs `use_tb_logger: true`.')


def check_dist_params(run: RunOptions) -> Iterator[str]:
    """Yield problems of the options under `dist_params:`."""
    yield from _all(DistSection, run.section('dist_params'), ('dist_params',))


def check_accumulation(run: RunOptions) -> Iterator[str]:
    """Yield a problem if batches cannot be divided into the parts for accumulation."""
    if run.our_model is None or not run.is_train:
        return
    steps: Any = run.section('train').get('accumulation_steps', 1)
    batch: Any = run.training_set.get('batch_size_per_gpu')
    if not is_whole(steps, 1) or not is_whole(batch, 1):
        return
    gpus: Any = run.opt.get('num_gpu')
    # Without separate processes, several GPUs share the loader's batch.
    images = batch * (gpus if is_whole(gpus, 1) and not run.switched_on('dist') else 1)
    if images % steps:
        yield problem(
            ('train', 'accumulation_steps'),
            f'a batch of {images} images (`datasets: train: batch_size_per_gpu`) cannot be divided into '
            f'{shown(steps)} equal parts.',
        )


def _values(section: type[OptionSection], options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    """Yield problems of the given values; another check handles missing ones."""
    known = {key: value for key, value in options.items() if key in section.option_names()}
    for keys, text, kind in section.faults(known):
        if kind != 'missing':
            yield problem((*place, *keys), text)


def _all(section: type[OptionSection], options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    """Also yield unknown options."""
    yield from check_unknown(options, section.option_names(), place)
    yield from _values(section, options, place)
