"""The metrics of `val: metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional

from basicsr.utils.registry import METRIC_REGISTRY

from hcl_arch.models import validation_sample
from hcl_arch.option_checks.files import check_file_arguments
from hcl_arch.option_checks.registered import find_registered, type_problem
from hcl_arch.option_checks.rules import Rules, check_values
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.signatures import Arguments, check_arguments
from hcl_arch.utils.option_fields import choice, is_whole, whole
from hcl_arch.utils.option_lines import Place, got, problem, shown

# Arguments passed by the validation.
_IMAGES = ('img', 'img2', 'soft_mask', 'true_mask')
_RULES: Rules = {'better': choice('higher', 'lower')}
# Their `**kwargs` swallow unknown options.
_KNOWN_MODULES = ('hcl_arch.', 'basicsr.')


def check_metrics(run: RunOptions) -> Iterator[str]:
    """Yield the problems of the metrics."""
    for name, options in run.section('val', 'metrics').items():
        place = 'val', 'metrics', name
        if not isinstance(name, str):
            yield problem(place, 'expects a text for a name, put quotes around it.')
        if isinstance(options, Mapping):
            yield from _metric_problems(run, options, place)
        else:
            yield problem(place, f'expects a section with the `type` of a metric, {got(options)}')


def _metric_problems(run: RunOptions, options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    wrong = type_problem(METRIC_REGISTRY, options, place)
    if wrong:
        yield wrong
        return
    metric = find_registered(METRIC_REGISTRY, options['type'])
    ours = run.our_model is not None
    own = validation_sample._OUR_KEYS if ours else ('type', 'better')
    # Other models may read more.
    if run.model is not None and run.model.__module__.startswith(_KNOWN_MODULES):
        known = metric.__module__.startswith(_KNOWN_MODULES)
        yield from check_arguments(Arguments.of(metric, supplied=_IMAGES), options, place, own=own, swallows=known)
    yield from check_values(options, _RULES, place)
    yield from check_file_arguments(options, place)
    parameters = Arguments.of(metric).parameters
    for key, check in _PARAMETERS.items():
        if key in options and key in parameters:
            yield from check(run, options[key], (*place, key))
    if ours:
        yield from _choice_problems(run, options, place)


def _border_problems(run: RunOptions, border: Any, place: Place) -> Iterator[str]:
    """Yield a problem if a border is not a pixel count, or leaves nothing of the smallest evaluated images."""
    problems = list(whole(0).problem(border, place))
    yield from problems
    sizes: list[Any] = [data_set.options.get('gt_size') for data_set in run.data_sets if data_set.phase != 'train']
    sides = [size for size in sizes if is_whole(size, 1)]
    if not problems and sides and 2 * border >= min(sides):
        yield problem(place, f'{shown(border)} at each side leave nothing of images of {min(sides)} pixels.')


def _order_problems(run: RunOptions, order: Any, place: Place) -> Iterator[str]:
    known = ('HWC',) if run.our_model is not None else ('HWC', 'CHW')
    yield from choice(*known).problem(order, place)


# Arguments of BasicSR's metrics, which have no annotations.
_PARAMETERS: Mapping[str, Callable[[RunOptions, Any, Place], Iterator[str]]] = {
    'crop_border': _border_problems, 'input_order': _order_problems,
}  # fmt: skip


def _choice_problems(run: RunOptions, options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    """Yield problems in the choice of the evaluated image or stage."""
    image = options.get('image', 'restored')
    yield from choice(*validation_sample._IMAGES).problem(image, (*place, 'image'))
    if image == 'reversed' and run.section('val').get('reverse') is not True:
        yield problem((*place, 'image'), "'reversed' needs `val: reverse: true`.")
    stage, most = options.get('stage'), stage_count(run)
    if stage is not None and (not is_whole(stage, 1) or (most is not None and stage > most)):
        words = 'up' if most is None else f'to {most}, the stages of the network from the coarsest to the finest'
        yield problem((*place, 'stage'), f'expects a whole number from 1 {words}, {got(stage)}')


def stage_count(run: RunOptions) -> Optional[int]:
    """Return the number of stages for which `network_g` has masks, None if unknown."""
    network: Mapping[Any, Any] = run.section('network_g')
    if network.get('type') != 'HCLNet':
        return None
    mults = network.get('dim_mults', (1, 2, 4))
    if network.get('single_stage') is not None or not isinstance(mults, (list, tuple)):
        return 1
    return len(mults)
