"""Learning rates and their course in a resumed run: those of the training state, or those of the option file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hcl_arch.training.checkpoints import CheckpointError

HOW_TO_RESET = "`hcl-train --reset_schedule` takes the file's (`reset_schedule: true` in the option file does the same)"
# What a group of parameters holds besides the options of its optimizer: `lr` is the present one, `initial_lr` the
# option; the others say how an update is computed, which is the business of the options.
_NO_OPTIONS = ('params', 'lr', 'fused', 'foreach', 'capturable', 'differentiable')
# What a scheduler holds besides its options, and besides what begins with an underscore.
_COUNTED = ('last_epoch', 'base_lrs', 'verbose', 'cumulative_period')
_OPTIMIZERS = 'optim_g', 'optim_d'


class Change(NamedTuple):
    """An option that the file and a training state have different values of."""

    place: str
    state: str
    file: str


def with_schedule(model: BaseModel, state: Mapping[str, Any]) -> dict[str, Any]:
    """A training state with the learning rates and the schedule that shall hold.

    These are its own, or with the option `reset_schedule` those of the option file. If they differ, the log says so.

    Args:
        model: the model before it resumes, with the optimizers and schedulers that the file made.
        state: the training state; not changed.

    Raises:
        CheckpointError: the state's schedule cannot go on.
    """
    reset = bool(model.opt.get('reset_schedule'))
    if reset:
        _move_schedule(model, state['iter'])
    else:
        check_periods(state['schedulers'], model.opt['train']['total_iter'])
    for place, old, new in find_changes(model.optimizers, model.schedulers, state, reset=reset):
        holds = f"the file's {new} holds, no longer the state's {old}"
        goes_on = f"the state's {old} goes on, not the file's {new}; {HOW_TO_RESET}"
        get_root_logger().warning(f'{place}: {holds if reset else goes_on}.')
    return with_options_of_the_file(model.optimizers, model.schedulers, state, reset=reset)


def _move_schedule(model: BaseModel, iteration: int) -> None:
    """Bring the file's schedule to where it would be if it had held from the beginning."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of torch, which misses the optimizer's steps between them
        for earlier in range(1, iteration + 1):
            BaseModel.update_learning_rate(model, earlier, model.opt['train'].get('warmup_iter', -1))


def find_changes(
    optimizers: Sequence[Optimizer], schedulers: Sequence[LRScheduler], state: Mapping[str, Any], *, reset: bool
) -> list[Change]:
    """Compare optimizers and schedulers, as the option file made them, with a training state.

    Args:
        optimizers: as the file made them.
        schedulers: likewise.
        state: the training state.
        reset: whether the file's take the place of the state's.

    Raises:
        CheckpointError: the schedulers are of another type than the state's, which shall go on.
    """
    changes: list[Change] = []
    for name, optimizer, saved in zip(_OPTIMIZERS, optimizers, state['optimizers']):
        groups = list(zip(saved['param_groups'], optimizer.param_groups))
        for key in optimizer.param_groups[0]:
            if key not in _NO_OPTIONS and all(key in group for pair in groups for group in pair):
                pairs = [(group[key], made[key]) for group, made in groups]
                changes += _change(f'train: {name}: {"lr" if key == "initial_lr" else key}', pairs)
    for scheduler, saved in list(zip(schedulers, state['schedulers']))[:1]:  # all have the same options
        made, before = options_of(scheduler.state_dict()), options_of(saved)
        if made.keys() != before.keys():
            if reset:
                return [*changes, Change('train: scheduler', ', '.join(before), ', '.join(made))]
            raise CheckpointError(
                f'the scheduler of the state has {", ".join(before)}, that of the option file '
                f'{", ".join(made)}: {HOW_TO_RESET}.'
            )
        for key, value in made.items():
            changes += _change(f'train: scheduler: {key}', [(before[key], value)])
    return changes


def options_of(scheduler_state: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a scheduler, of what its `state_dict` returns."""
    return {key: value for key, value in scheduler_state.items() if not key.startswith('_') and key not in _COUNTED}


def check_periods(scheduler_states: Sequence[Mapping[str, Any]], total_iter: float) -> None:
    """Raise a CheckpointError if the periods of a state end before the training, where BasicSR would break off."""
    for state in scheduler_states:
        periods = state.get('periods')
        if periods is not None and sum(periods) < total_iter - 1:
            raise CheckpointError(
                f'`train: scheduler: periods` of the state, {_text(periods)}, end before `total_iter: {total_iter:g}`: '
                f'{HOW_TO_RESET}.'
            )


def with_options_of_the_file(
    optimizers: Sequence[Optimizer], schedulers: Sequence[LRScheduler], state: Mapping[str, Any], *, reset: bool
) -> dict[str, Any]:
    """A training state whose optimizers compute their updates as the file says.

    Args:
        optimizers: as the file made them.
        schedulers: likewise.
        state: the training state; not changed.
        reset: whether learning rates, the other options of the optimizers, and the schedulers are the file's too. Then
            optimizers and schedulers must have been moved to the state's iteration.
    """
    saved = []
    for optimizer, one in zip(optimizers, state['optimizers']):
        groups = list(one['param_groups'])
        for number, (old, made) in enumerate(zip(groups, optimizer.param_groups)):
            taken = {key: value for key, value in made.items() if reset or key in ('fused', 'foreach')}
            groups[number] = {**old, **taken, 'params': old['params']}
        saved.append({**one, 'param_groups': groups})
    moved = [scheduler.state_dict() for scheduler in schedulers] if reset else state['schedulers']
    return {**state, 'optimizers': saved, 'schedulers': moved}


def _change(place: str, pairs: Sequence[tuple[Any, Any]]) -> Iterator[Change]:
    """Yield a change if the values of the state (first) and the file (second) differ."""
    distinct = dict.fromkeys((_text(saved), _text(made)) for saved, made in pairs if _plain(saved) != _plain(made))
    if distinct:
        yield Change(place, *(', '.join(dict.fromkeys(texts)) for texts in zip(*distinct)))


def _plain(value: Any) -> Any:
    """A value as an option file has it: milestones are counted, and lists may be tuples."""
    if isinstance(value, Counter):
        return sorted(value.elements())
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    value = _plain(value)
    if isinstance(value, list):
        return f'[{", ".join(map(_text, value))}]'
    return f'{value:g}' if isinstance(value, float) else str(value)
