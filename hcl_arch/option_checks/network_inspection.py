"""Checks of one network's options: its type, its arguments, and whether it can be built from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.option_checks.annotations import is_network
from hcl_arch.option_checks.files import check_file_arguments, is_file_argument
from hcl_arch.option_checks.limits import MOST_FOREIGN_PARTS, MOST_NETWORKS, MOST_PARTS, argument_limits
from hcl_arch.option_checks.quiet_build import OF_LAYERS, ON_PURPOSE, try_out
from hcl_arch.option_checks.registered import type_problem
from hcl_arch.option_checks.signatures import Arguments, check_arguments
from hcl_arch.utils.option_lines import Place, problem

_OURS = 'hcl_arch.'


def inspect_network(options: Mapping[Any, Any], place: Place) -> tuple[list[str], Optional[nn.Module]]:
    """Check the options of a network.

    Args:
        options: `type` and its arguments.
        place: of the options.

    Returns:
        The problems, and the network on torch's `meta` device; None if it has problems or cannot be built there.
    """
    count = _networks(options)
    if count > MOST_NETWORKS:
        return [problem(place, f'expects at most {MOST_NETWORKS} networks within each other, got {count}.')], None
    wrong = type_problem(ARCHS, options, place)
    if wrong:
        return [wrong], None
    architecture: Any = ARCHS.find(options['type'])
    arguments = Arguments.of(architecture)
    problems = list(check_arguments(arguments, options, place, lists_stand_for_numbers=True))
    is_ours = architecture.__module__.startswith(_OURS)
    most_parts = MOST_PARTS if is_ours else MOST_FOREIGN_PARTS
    problems.extend(argument_limits(options, place, most_parts=most_parts))
    files = list(check_file_arguments(options, place))
    built: dict[str, Optional[nn.Module]] = {}
    for name, value in options.items():
        if isinstance(value, Mapping) and is_network(arguments.hints.get(name)):
            inner_problems, built[name] = inspect_network(value, (*place, name))
            problems.extend(inner_problems)
    if problems or None in built.values():
        return problems + files, None
    network, text = build_on_meta(architecture, {**_without_files(options), **built})
    return files + ([problem(place, text)] if text else []), network


def _networks(options: Mapping[Any, Any]) -> int:
    return 1 + sum(_networks(value) for value in options.values() if isinstance(value, Mapping))


def build_on_meta(architecture: type[nn.Module], arguments: Mapping[str, Any]) -> tuple[Any, Optional[str]]:
    """Return a network without memory, or None with the constructor's error; see `try_out`."""
    is_ours = architecture.__module__.startswith(_OURS)  # known to work there
    return try_out(lambda: architecture(**arguments), told=(Exception,) if is_ours else ON_PURPOSE)


def run_on_meta(network: nn.Module, *shapes: tuple[int, ...]) -> tuple[Any, Optional[str]]:
    """Return a network's output for images of these shapes, or None with the error of its layers."""
    return try_out(lambda: network.eval()(*map(torch.empty, shapes)), told=OF_LAYERS)


def _without_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without files of weights and the names of entries in these files."""
    files = {key for key, value in options.items() if is_file_argument(key) and value is not None}
    entries = {key.replace('_weights', '_param_key') for key in files}
    return {key: value for key, value in options.items() if key not in {'type', *files, *entries}}
