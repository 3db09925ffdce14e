"""Checks of the optimizers: types and arguments, as accepted by BasicSR and torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from basicsr.models.base_model import BaseModel

from hcl_arch.option_checks.limits import LARGEST_NUMBER
from hcl_arch.option_checks.rules import Rules, check_unknown, check_values
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.signatures import Arguments
from hcl_arch.utils.option_fields import Is, is_number, number
from hcl_arch.utils.option_lines import Place, problem, shown

_RATE: Is = number(0, below=LARGEST_NUMBER)
# For these, torch would report only one error at a time.
_RULES: Rules = {
    'lr': _RATE, 'weight_decay': number(0), 'eps': number(0),
    'betas': Is(
        'two numbers from 0 to 1, without 1',
        lambda value: isinstance(value, (list, tuple)) and len(value) == 2
        and all(is_number(beta) and 0 <= beta < 1 for beta in value),
        {'type': 'array', 'items': {'type': 'number', 'minimum': 0, 'exclusiveMaximum': 1}, 'minItems': 2},
    ),
}  # fmt: skip


def check_optimizers(run: RunOptions) -> Iterator[str]:
    """Yield the problems of `train: optim_g` and `train: optim_d`."""
    if not run.is_train:
        return
    rates = tuple(run.our_model.PART_LEARNING_RATES.values()) if run.our_model is not None else None
    for key, own_rates in (('optim_g', rates), ('optim_d', ())):
        options = run.section('train', key)
        # Options that other models read besides torch's arguments are unknown.
        if 'type' in options and own_rates is not None:
            yield from _optimizer_problems(options, ('train', key), own_rates)


def _optimizer_problems(options: Mapping[Any, Any], place: Place, rates: tuple[str, ...]) -> Iterator[str]:
    kind = options['type']
    wrong = _kind_problem(kind)
    if wrong:
        yield problem((*place, 'type'), wrong)
        return
    known = Arguments.of(getattr(torch.optim, kind), supplied=('params',)).parameters
    problems = [
        *check_unknown(options, ('type', *known, *rates), place),
        *check_values(options, {**_RULES, **dict.fromkeys(rates, _RATE)}, place),
    ]
    if 'lr' not in options:
        problems.append(problem((*place, 'lr'), 'is missing, and there is no default.'))
    yield from problems
    if not problems:
        given = {key: value for key, value in options.items() if key not in ('type', *rates)}
        yield from _words_of_torch(kind, given, place)


def _kind_problem(kind: Any) -> str | None:
    """Return what is wrong with the type, None if BasicSR supports it."""
    if not isinstance(kind, str) or not hasattr(torch.optim, kind):
        return f'expects an optimizer of torch that BasicSR knows, such as Adam, got {shown(kind)}.'
    try:
        BaseModel.get_optimizer(None, kind, [torch.zeros(1, requires_grad=True)], 1e-3)
    except NotImplementedError:
        return f'this version of BasicSR does not know {shown(kind)}; it knows Adam.'
    except Exception:  # one that requires more arguments
        return None
    return None


def _words_of_torch(kind: str, given: Mapping[str, Any], place: Place) -> Iterator[str]:
    try:
        BaseModel.get_optimizer(None, kind, [torch.zeros(1, requires_grad=True)], **given)
    except (TypeError, ValueError) as error:
        yield problem(place, str(error))
    except RuntimeError:  # about the device, which is a different one here
        return
