"""The checks of this package's models themselves, with the places in the option file prepended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, get_args

from hcl_arch.archs.blind_restoration import Guidance
from hcl_arch.models import BlindRestorationModel
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.argument_checks import ArgumentError, check_choice
from hcl_arch.utils.hole_share_bins import check_bins
from hcl_arch.utils.option_lines import Place, problem
from hcl_arch.utils.precision import check_compile, check_precision


def check_with_model(run: RunOptions) -> Iterator[str]:
    """Yield the model's errors on precision, compilation, validation and training."""
    model = run.our_model
    if model is None:
        return
    val = run.section('val')
    yield from _said(lambda: check_precision(run.opt.get('precision', 'fp32')), ('precision',))
    yield from _said(lambda: check_compile(run.opt.get('compile', False)), ('compile',))
    yield from _said(lambda: check_bins(val.get('hole_share_bins')), ('val', 'hole_share_bins'))
    guidance = val.get('guidance', 'predicted')
    guidance = 'true' if guidance is True else guidance  # a boolean in YAML, without quotes
    yield from _said(lambda: check_choice('Option val.guidance', guidance, get_args(Guidance)), ('val', 'guidance'))
    if run.is_train and run.mapping_at('train') is not None:
        yield from _training_problems(model, run)


def _said(check: Callable[[], Any], place: Place) -> Iterator[str]:
    try:
        check()
    except (ValueError, TypeError, OverflowError) as error:
        yield problem(place, error.problem if isinstance(error, ArgumentError) else str(error))


def _training_problems(model: type[BlindRestorationModel], run: RunOptions) -> Iterator[str]:
    for place, fault in model.train_faults(_what_it_reads(model, run)):
        yield problem(place, fault)


def _what_it_reads(model: type[BlindRestorationModel], run: RunOptions) -> dict[str, Any]:
    """Return the options without keys and shapes that other checks refuse."""
    train = {
        key: value for key, value in run.section('train').items()
        if key in model.TRAIN_KEYS and not (key.endswith('_opt') and value and not isinstance(value, Mapping))
    }  # fmt: skip
    for key in ('mask_opt', 'classifier_opt'):  # names already checked
        if train.get(key):
            train[key] = {'loss_weight': 1.0}
    return {
        **{key: value for key, value in run.opt.items() if isinstance(key, str)},
        'dist': run.switched_on('dist'), 'train': train, 'network_g': run.section('network_g'),
    }  # fmt: skip
