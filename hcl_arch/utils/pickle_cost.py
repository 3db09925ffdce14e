"""What loading a pickle of tensors would take, found by following its instructions without making anything."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable
from typing import Any, Union

from hcl_arch.utils.errors import HCLError

MAX_COST = 256 * 2**20
# Bytes that an instruction, an item in a container and a call take at most, the work of carrying it out included.
_STEP, _ITEM, _CALL = 128, 128, 1024
# The only ones of PyTorch's that make no more memory than their arguments have.
_REBUILD_TENSOR = tuple(f'torch._utils _rebuild_{name}' for name in ('tensor', 'tensor_v2', 'tensor_v3'))
_REBUILD = (*_REBUILD_TENSOR, 'torch._utils _rebuild_parameter', 'torch._utils _rebuild_parameter_with_state')
# Shorter ones stand for themselves.
_LONG_TEXT = 64
_LATIN = (b'latin1', b'latin-1')
_REBUILD_AS_TYPE = 'torch._tensor _rebuild_from_type_v2'


class PickleError(HCLError, ValueError):
    """A pickle is not loaded; the message says why."""


class MalformedPickleError(PickleError):
    """It is damaged, or no pickle of torch.save."""


class _Made:
    """A text, container or object, by its number of letters, items or, of a storage, numbers."""

    __slots__ = ('length',)

    def __init__(self, length: int = 0) -> None:
        self.length = length


class _Mapping(_Made):
    """A dictionary."""

    __slots__ = ()


class PickleCost:
    """Follows pickles as PyTorch's loader of plain values does, and adds up what they would take.

    Tuples, whole numbers and short texts stand for themselves, functions for their names; all else is `_Made`.

    Args:
        content: The bytes that hold pickles.
        stored: The most bytes that storages can have: the size of the file.
        expanded: Whether a tensor may use a stored number several times.
    """

    def __init__(self, content: Union[bytes, mmap.mmap], stored: int, *, expanded: bool = False) -> None:
        self.position = 0
        self._content = content
        self._stored = stored
        self._expanded = expanded
        self._storages: dict[Any, int] = {}
        self._cost = 0

    def follow(self) -> None:
        """Follow one pickle, from the position to its end.

        Raises:
            PickleError: It would take too much, claims more numbers than are stored, or is damaged.
        """
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        try:
            while (code := self._read(1)[0]) != _STOP:
                self._charge(_STEP)
                _INSTRUCTIONS[code](self)
        except PickleError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, struct.error, OverflowError) as error:
            raise MalformedPickleError('not a checkpoint of torch.save') from error

    def _charge(self, cost: int) -> None:
        self._cost += cost
        if self._cost > MAX_COST:
            raise PickleError(
                f'its values besides the tensors take more than {MAX_COST // 2**20} MiB: no checkpoint needs as much'
            )

    def _read(self, count: int) -> bytes:
        found = self._content[self.position : self.position + count]
        if len(found) < count:
            raise MalformedPickleError('not a whole checkpoint of torch.save (cut short?)')
        self.position += count
        return found

    def _line(self) -> str:
        end = self._content.find(b'\n', self.position)
        return self._read(end + 1 - self.position)[:-1].decode()

    def _text(self, count: int) -> None:
        self._charge(4 * count)
        text = self._read(count)
        self._stack.append(text if count < _LONG_TEXT else _Made(count))

    def _marked(self) -> list[Any]:
        items, self._stack = self._stack, self._outer.pop()
        self._charge(_ITEM * len(items))
        return items

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _tuple(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) < count:
            raise IndexError
        self._stack[-count:] = [items]

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _fill(self, items: list[Any]) -> None:
        self._stack[-1].length += len(items)

    def _set_items(self, items: list[Any]) -> None:
        for key in items[::2]:
            _check_key(key)
        self._fill(items[::2])

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._stack.append(f'{module} {name}')

    def _storage(self) -> None:
        identity = self._stack.pop()
        self._charge(_CALL)
        _, _, key, _, count = identity[:5]
        # Each takes at least a byte for a number; those of the same key are one.
        self._storages[_check_key(key)] = max(count, self._storages.get(_check_key(key), 0))
        if count < 0 or sum(self._storages.values()) > self._stored:
            raise PickleError(f'its storages claim more numbers than the {self._stored:,} bytes of the file can hold')
        self._stack.append(_Made(count))

    def _call(self) -> None:
        arguments = self._stack.pop()
        self._stack.append(self._result(self._stack.pop(), arguments))

    def _result(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Charge for a call, and return what stands for its result."""
        while function == _REBUILD_AS_TYPE:
            function, arguments = arguments[0], arguments[2]
        if not isinstance(function, str) or not isinstance(arguments, tuple):
            raise TypeError
        if function.endswith('Tensor') or ('_rebuild_' in function and function not in _REBUILD):
            raise PickleError(
                f'holds tensors of a kind that no network has ({function.replace(" ", ".")}): expected dense ones'
            )
        self._charge(_CALL)
        if function in _REBUILD:
            if function in _REBUILD_TENSOR:
                _check_tensor(*arguments[:4], expanded=self._expanded)
            return _Made()
        length = sum(map(_length, arguments)) + _stated_length(function, arguments)
        self._charge(_ITEM * length)
        return (_Mapping if function.startswith('collections ') else _Made)(length)

    def _build(self) -> None:
        """Give an object attributes: a dictionary, or something else, which PyTorch's loader refuses by name."""
        self._charge(_CALL + _ITEM * _length(self._stack.pop()))


def _length(item: Any) -> int:
    return item.length if isinstance(item, _Made) else len(item) if isinstance(item, (tuple, bytes)) else 0


def _check_key(key: Any) -> Any:
    """Refuse keys that take long to hash or to tell apart."""
    if isinstance(key, _Made):
        return id(key)
    if isinstance(key, tuple) or (isinstance(key, int) and key.bit_length() > 64):
        raise PickleError('a mapping has keys that are no texts or numbers of 64 bits')
    return key


def _check_tensor(
    storage: _Made, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *, expanded: bool
) -> None:
    """Refuse a tensor that needs more numbers than its storage has."""
    if not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise TypeError
    claimed = math.prod(size)
    reached = offset + sum((length - 1) * step for length, step in zip(size, stride)) + 1 if claimed else 0
    if reached > storage.length or (claimed > storage.length and not expanded):
        raise PickleError(f'a tensor claims {claimed:,} numbers, of which {storage.length:,} are stored')


def _stated_length(function: str, arguments: tuple[Any, ...]) -> int:
    """The length of what a function makes besides copies of its arguments; what hashes or parses them is refused."""
    name = function.split(' ')[-1]
    if name == 'set' or (function.startswith('collections ') and not all(isinstance(a, _Mapping) for a in arguments)):
        raise PickleError(f'makes a {name} of a list: expected tensors, numbers, texts, lists and mappings')
    if name in ('encode', 'bytearray') and any(a not in _LATIN for a in arguments[1:]):
        raise PickleError('holds bytes in a form that torch.save does not write')
    makes_by_number = name == 'bytearray' or name.endswith('Storage')
    return sum(abs(a) for a in arguments if isinstance(a, int)) if makes_by_number else 0


Number = Union[int, float]


def _number(form: str) -> Callable[[PickleCost], Number]:
    size = struct.calcsize(form)
    return lambda cost: struct.unpack(form, cost._read(size))[0]


def _pushes(make: Callable[[PickleCost], Any]) -> Callable[[PickleCost], None]:
    def push(cost: PickleCost) -> None:
        item = make(cost)  # which may replace the stack
        cost._charge(_ITEM)
        cost._stack.append(item)

    return push


def _discards(cost: PickleCost) -> list[Any]:
    return [cost._stack.pop()]


_BYTE, _SHORT, _SIGNED, _LONG = map(_number, ('<B', '<H', '<i', '<I'))
_STOP = ord('.')
_INSTRUCTIONS: dict[int, Callable[[PickleCost], Any]] = {
    ord(code): action
    for code, action in {
        '\x80': _BYTE, 'c': PickleCost._global, 'R': PickleCost._call, '\x81': PickleCost._call,
        'b': PickleCost._build, 'Q': PickleCost._storage, '(': PickleCost._mark,
        'a': lambda cost: cost._fill(_discards(cost)),
        'e': lambda cost: cost._fill(cost._marked()),
        's': lambda cost: cost._set_items([cost._stack.pop(), *_discards(cost)][::-1]),
        'u': lambda cost: cost._set_items(cost._marked()),
        't': _pushes(lambda cost: tuple(cost._marked())),
        '\x85': lambda cost: cost._tuple(1), '\x86': lambda cost: cost._tuple(2), '\x87': lambda cost: cost._tuple(3),
        'N': _pushes(lambda _: None), '\x88': _pushes(lambda _: None), '\x89': _pushes(lambda _: None),
        ')': _pushes(lambda _: ()), ']': _pushes(lambda _: _Made()), '}': _pushes(lambda _: _Mapping()),
        'J': _pushes(_SIGNED), 'K': _pushes(_BYTE), 'M': _pushes(_SHORT), 'G': _pushes(_number('>d')),
        '\x8a': _pushes(lambda cost: int.from_bytes(cost._read(int(_BYTE(cost))), 'little', signed=True)),
        'X': lambda cost: cost._text(int(_LONG(cost))), 'U': lambda cost: cost._text(int(_BYTE(cost))),
        'h': _pushes(lambda cost: cost._memo[int(_BYTE(cost))]),
        'j': _pushes(lambda cost: cost._memo[int(_LONG(cost))]),
        'q': lambda cost: cost._put(int(_BYTE(cost))), 'r': lambda cost: cost._put(int(_LONG(cost))),
    }.items()
}  # fmt: skip
