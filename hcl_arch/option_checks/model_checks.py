"""What the models of this package check themselves, with the places of the option file put in front."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable, get_args

from hcl_arch.archs.blind_restoration import Guidance
from hcl_arch.metrics.hole_share_bins import check_bins
from hcl_arch.models import BlindRestorationModel
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.argument_checks import check_choice
from hcl_arch.utils.option_lines import Place, problem
from hcl_arch.utils.precision import check_compile, check_precision

# Options as the models' messages call them: `train.phase1_iter`, `network_g.mask_from`, `network_d`.
_NAMED = re.compile(r'\b(?:train\.\w+|network_\w(?:\.\w+)?)')
_PREFIX = re.compile(r'Option ([\w.]+) (?=\w)')
_MOST = 20


def check_with_model(run: RunOptions) -> Iterator[str]:
    """Yield what the model says of precision, compilation, validation and training."""
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
        yield problem(place, _without_name(str(error)))


def _training_problems(model: type[BlindRestorationModel], run: RunOptions) -> Iterator[str]:
    """Yield what `check_train_options` says: all of it, by setting aside the options that it has named."""
    opt = _what_it_reads(model, run)
    aside: set[str] = set()
    for _ in range(_MOST):
        try:
            model.check_train_options(opt)
        except ValueError as error:
            text = str(error)
            named = _NAMED.findall(text)
            if not aside & set(named):
                yield problem(tuple(named[0].split('.')) if named else ('train',), _without_name(text))
            if set(named) <= aside:
                return
            aside.update(named)
            opt = _without(opt, named)
        else:
            return


def _what_it_reads(model: type[BlindRestorationModel], run: RunOptions) -> dict[str, Any]:
    """Return the options without keys and shapes that other checks refuse."""
    train = {
        key: value for key, value in run.section('train').items()
        if key in model.TRAIN_KEYS and not (key.endswith('_opt') and value and not isinstance(value, Mapping))
    }  # fmt: skip
    for key in ('mask_opt', 'classifier_opt'):  # whose names have been checked
        if train.get(key):
            train[key] = {'loss_weight': 1.0}
    return {
        **{key: value for key, value in run.opt.items() if isinstance(key, str)},
        'dist': run.switched_on('dist'), 'train': train, 'network_g': run.section('network_g'),
    }  # fmt: skip


def _without(opt: Mapping[str, Any], named: list[str]) -> dict[str, Any]:
    """Return the options without those named; `phase1_iter`, which has to be there, gets a value."""
    changed = dict(opt)
    for name in named:
        section, _, key = name.partition('.')
        if key:
            changed[section] = {other: value for other, value in changed[section].items() if other != key}
        elif section == 'network_g':  # which has to be there too
            changed[section] = {}
        else:
            changed.pop(section, None)
    if 'train.phase1_iter' in named:
        changed['train'] = {**changed['train'], 'phase1_iter': 0}
    return changed


def _without_name(text: str) -> str:
    """Return a message without the option's name at its beginning, which the place gives."""
    return _PREFIX.sub('', text, count=1) if text.startswith('Option ') else text
