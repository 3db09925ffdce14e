"""Checks of the learning rate scheduler: its type, its lists, and whether they cover the training."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from basicsr.models import lr_scheduler

from hcl_arch.option_checks.rules import Rules, check_unknown, check_values
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.signatures import Arguments
from hcl_arch.utils.option_fields import Is, choice, is_number, is_whole, number
from hcl_arch.utils.option_lines import problem

_PLACE = 'train', 'scheduler'
# Name in the option file -> BasicSR's class (`BaseModel.setup_schedulers`), and its lists of equal length.
_KINDS = {
    'MultiStepLR': (lr_scheduler.MultiStepRestartLR, 'restarts'),
    'MultiStepRestartLR': (lr_scheduler.MultiStepRestartLR, 'restarts'),
    'CosineAnnealingRestartLR': (lr_scheduler.CosineAnnealingRestartLR, 'periods'),
}
_SUPPLIED = ('optimizer', 'last_epoch')


def _whole_list(least: int) -> Is:
    return Is(
        f'a list of whole numbers of at least {least}',
        lambda value: isinstance(value, (list, tuple)) and all(is_whole(item, least, as_float=True) for item in value),
        {'type': 'array', 'items': {'type': 'number', 'minimum': least, 'multipleOf': 1}},
    )


_RULES: Rules = {
    'milestones': _whole_list(0), 'restarts': _whole_list(0), 'periods': _whole_list(1), 'gamma': number(0),
    'eta_min': number(0),
    'restart_weights': Is(
        'a list of numbers', lambda value: isinstance(value, (list, tuple)) and all(map(is_number, value)),
        {'type': 'array', 'items': {'type': 'number'}},
    ),
}  # fmt: skip


def check_scheduler(run: RunOptions) -> Iterator[str]:
    """Yield the problems of `train: scheduler`."""
    options = run.section(*_PLACE)
    if not run.is_train or 'type' not in options:
        return
    problems = list(choice(*_KINDS).problem(options['type'], (*_PLACE, 'type'))) or list(_argument_problems(options))
    yield from problems
    if not problems:
        yield from _length_problems(options)
        yield from _period_problems(options, run.iterations('train', 'total_iter'))


def _argument_problems(options: Mapping[Any, Any]) -> Iterator[str]:
    parameters = _parameters(options)
    yield from check_unknown(options, ('type', *parameters), _PLACE)
    yield from check_values(options, {key: rule for key, rule in _RULES.items() if key in parameters}, _PLACE)
    for key, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and key not in options:
            yield problem((*_PLACE, key), 'is missing, and there is no default.')


def _parameters(options: Mapping[Any, Any]) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of the scheduler that the options name."""
    return Arguments.of(_KINDS[options['type']][0], supplied=_SUPPLIED).parameters


def _length_problems(options: Mapping[Any, Any]) -> Iterator[str]:
    """Yield a problem unless every period or restart has its weight."""
    key, defaults = _KINDS[options['type']][1], _parameters(options)
    lengths = {name: len(options.get(name, defaults[name].default)) for name in (key, 'restart_weights')}
    if lengths[key] != lengths['restart_weights']:
        yield problem(
            (*_PLACE, 'restart_weights'),
            f'expects a weight for each of the {lengths[key]} {key}, got {lengths["restart_weights"]} '
            f'{"by default" if "restart_weights" not in options else "of them"}.',
        )


def _period_problems(options: Mapping[Any, Any], total_iter: Any) -> Iterator[str]:
    """Yield a problem if the periods end before the training, which makes BasicSR fail."""
    periods = options.get('periods')
    # The last step is taken before the last iteration.
    if periods is not None and total_iter is not None and sum(periods) < total_iter - 1:
        yield problem(
            (*_PLACE, 'periods'),
            f'they end after {sum(periods):g} iterations, but the training goes on to {total_iter} '
            '(`train: total_iter`) and would break off there. Lengthen them.',
        )
