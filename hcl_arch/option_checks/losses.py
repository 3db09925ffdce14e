"""Checks of the losses: types, arguments, and constructor errors, except for losses that need weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from basicsr.archs.vgg_arch import NAMES, insert_bn
from basicsr.utils.registry import LOSS_REGISTRY

from hcl_arch.option_checks.files import check_file_arguments, is_file_argument
from hcl_arch.option_checks.limits import LARGEST_NUMBER, argument_limits
from hcl_arch.option_checks.quiet_build import try_out
from hcl_arch.option_checks.registered import find_registered, type_problem
from hcl_arch.option_checks.rules import Rules, check_unknown, check_values
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.signatures import Arguments, check_arguments
from hcl_arch.utils.option_fields import Is, choice, is_number, number, whole
from hcl_arch.utils.option_lines import Place, got, problem

_SUFFIX = '_opt'
# The models compute these themselves, from a weight.
_WITHOUT_TYPE = ('mask_opt', 'classifier_opt')
_VALUES: Rules = {
    **{key: number(0, below=LARGEST_NUMBER) for key in ('loss_weight', 'penalty_weight')},
    # Name of a loss that is not built.
    'bandwidth': Is(
        'a number above 0', lambda value: is_number(value) and value > 0, {'type': 'number', 'exclusiveMinimum': 0}
    ),
    'max_features': whole(2),
}
# Of BasicSR's losses: `none` gives no number to train with, and its `l2` fails.
_OF_BASICSRS: Rules = {**_VALUES, 'reduction': choice('mean', 'sum'), 'criterion': choice('l1', 'fro')}
_KNOWN_MODULES = ('hcl_arch.', 'basicsr.')


def check_losses(run: RunOptions) -> Iterator[str]:
    """Yield the problems of the losses under `train:`."""
    if not run.is_train:
        return
    if run.our_model is not None and run.mapping_at('train') is not None:
        yield from _need_of_basicsr(run.section('train'), run.our_model.TRAIN_KEYS)
    for key, options in run.section('train').items():
        if not isinstance(key, str) or not key.endswith(_SUFFIX) or key in _WITHOUT_TYPE or not options:
            continue
        if run.our_model is not None and key not in run.our_model.TRAIN_KEYS:
            continue  # already reported as an unknown option
        if isinstance(options, Mapping):
            yield from _loss_problems(options, ('train', key))
        else:
            yield problem(('train', key), f'expects a section with the `type` of a loss, {got(options)}')


def _need_of_basicsr(train: Mapping[Any, Any], known: tuple[str, ...]) -> Iterator[str]:
    if 'output_opt' in known and train.get('output_opt'):  # checked by its model
        return
    if not train.get('pixel_opt') and not train.get('perceptual_opt'):
        yield problem(('train', 'pixel_opt'), "BasicSR's SRModel needs this or `perceptual_opt`. Give one of them.")


def _loss_problems(options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    wrong = type_problem(LOSS_REGISTRY, options, place)
    if wrong:
        yield wrong
        return
    loss = find_registered(LOSS_REGISTRY, options['type'])
    arguments = Arguments.of(loss)
    problems = [*check_arguments(arguments, options, place), *check_file_arguments(options, place)]
    problems.extend(argument_limits(options, place))
    rules = _OF_BASICSRS if loss.__module__.startswith('basicsr.') else _VALUES
    problems = problems or list(check_values(options, rules, place))
    yield from problems
    if 'vgg_type' in arguments.parameters:
        yield from _layer_problems(options, place)
    elif not problems and loss.__module__.startswith(_KNOWN_MODULES) and not _loads_files(arguments):
        given = {key: value for key, value in options.items() if key != 'type'}
        _, text = try_out(lambda: loss(**given))  # all of these work on `meta`
        yield from [problem(place, text)] if text else []


def _loads_files(arguments: Arguments) -> bool:
    """Whether a loss has its own network, which it would load."""
    return any(is_file_argument(name) for name in arguments.parameters)


def _layer_problems(options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    """Yield problems of the layers of a perceptual loss, which is not built: that would load its network."""
    kind, layers = options.get('vgg_type', 'vgg19'), options.get('layer_weights')
    if not isinstance(kind, str) or kind.replace('_bn', '') not in NAMES:
        known = ', '.join(name + suffix for name in NAMES for suffix in ('', '_bn'))
        yield problem((*place, 'vgg_type'), f'expects one of {known}, {got(kind)}')
        return
    names = NAMES[kind.replace('_bn', '')]
    if isinstance(layers, Mapping):
        yield from check_unknown(layers, insert_bn(names) if kind.endswith('_bn') else names, (*place, 'layer_weights'))
        if not layers:
            yield problem((*place, 'layer_weights'), 'expects at least one layer, got none.')
