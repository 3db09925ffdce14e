"""Checks of a file's tensors against those of a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_PREFIX = 'module.'
# Of networks that find and repair.
_PARTS = ('detector.', 'restorer.')


def check_state(network: nn.Module, state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the state in a form that a network can load.

    Args:
        network: It may be on the ``meta`` device.
        state: Tensors by name, possibly with the prefix ``module.`` of a network trained on several GPUs.

    Returns:
        The tensors, in the network's types.

    Raises:
        ValueError: If a tensor is missing, unknown, of another shape or kind, or not finite; the tensor is named.
    """
    found = {_own_name(name): value for name, value in state.items()}
    expected = network.state_dict()
    kind = type(network).__name__
    missing = [name for name in expected if name not in found]
    _refuse(missing, f'is missing; expected by this {kind}{_missing_part(missing, found)}')
    _refuse([name for name in found if name not in expected], f'is foreign; nothing of that name in this {kind}')
    return {name: _checked(name, found[name], tensor) for name, tensor in expected.items()}


def check_stored_whole(content: object, size: int) -> None:
    """Refuse tensors that claim more numbers than their file can hold, as an expanded one can.

    Args:
        content: Content of the file.
        size: Size of the file in bytes.

    Raises:
        ValueError: If the tensors together are larger than the file.
    """
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(content))
    if claimed > size:
        raise ValueError(f'its tensors claim {claimed:,} bytes, more than the {size:,} of the file.')


def _tensors(content: object) -> list[Tensor]:
    found, rest, seen = [], [content], set()
    while rest:
        item = rest.pop()
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, (Mapping, list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            rest.extend(item.values() if isinstance(item, Mapping) else item)
    return found


def _checked(name: str, value: Any, expected: Tensor) -> Tensor:
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        raise ValueError(f'tensor {name!r} is a value of type {type(value).__name__}; expected a dense tensor.')
    if value.shape != expected.shape:
        raise ValueError(f'tensor {name!r} has the shape {tuple(value.shape)}; expected {tuple(expected.shape)}.')
    if (value.dtype in _FLOATS) != expected.is_floating_point() or value.is_complex():
        raise ValueError(f'tensor {name!r} is of {value.dtype}; expected {expected.dtype}.')
    converted = value.detach().to(expected.dtype)
    if not bool(torch.isfinite(converted).all()):
        raise ValueError(f'tensor {name!r} holds values that are not finite; take another file.')
    return converted


def _own_name(name: Any) -> str:
    return str(name).removeprefix(_PREFIX)


def _missing_part(missing: Iterable[str], found: Iterable[str]) -> str:
    """A remark on a part that is not there at all; empty where something of each is."""
    for part in _PARTS:
        if any(name.startswith(part) for name in missing) and not any(name.startswith(part) for name in found):
            return f'. The file holds no {part[:-1]}: take one of a training of the whole network'
    return ''


def _refuse(names: list[str], fault: str) -> None:
    if names:
        more = f' (and {len(names) - 1} more)' if len(names) > 1 else ''
        raise ValueError(f'tensor {names[0]!r}{more} {fault}.')
