"""Build only plain values from a YAML text: no text can run code.

This loader returns the same values as BasicSR's, with two exceptions: duplicate keys, of which BasicSR silently takes
the last, and Python objects, which BasicSR builds by running whatever code they name. One Python tag is allowed, the
line by which an option file loads this package in BasicSR's own scripts.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

import yaml

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.version import __version__

MAX_NODES = 100_000
MAX_DEPTH = 100
# Longer ones take a time that grows with the square of their length, and as keys all can have the same hash.
MAX_BITS, MAX_DIGITS = 64, 100


class YamlLimitError(HCLError, yaml.YAMLError):
    """The text is well-formed, but larger or deeper than allowed; the message says where."""


def line_of(event: yaml.Event) -> int:
    """Return the line in which an event begins, counted from 1."""
    return 1 if event.start_mark is None else event.start_mark.line + 1


@dataclass
class _Open:
    """A list or mapping whose end has not been read yet."""

    anchor: Optional[str]
    nodes_before: int


@dataclass
class EventLimits:
    """Counts nodes and depth; an alias counts as everything it stands for.

    Attributes:
        nodes: maximum number of nodes.
        depth: maximum number of nested lists and mappings.
    """

    nodes: int = MAX_NODES
    depth: int = MAX_DEPTH
    _open: list[_Open] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _total: int = 0

    def check(self, event: yaml.Event) -> None:
        """Process the next event.

        Raises:
            YamlLimitError: a limit is exceeded, or an alias refers to a node that contains it.
        """
        line = line_of(event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Open(event.anchor, self._total))
            self._total += 1
            if len(self._open) > self.depth:
                raise YamlLimitError(f'line {line}: more than {self.depth} lists and mappings within each other')
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self._open.pop()
            if closed.anchor is not None:
                self._sizes[closed.anchor] = self._total - closed.nodes_before
        elif isinstance(event, yaml.ScalarEvent):
            self._total += 1
            if event.anchor is not None:
                self._sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if any(outer.anchor == event.anchor for outer in self._open):
                raise YamlLimitError(f'line {line}: the alias *{event.anchor} stands for what it is in itself')
            self._total += self._sizes.get(event.anchor or '', 0)
        if self._total > self.nodes:
            raise YamlLimitError(
                f'line {line}: more than {self.nodes:,} values, each alias counted as what it stands for'
            )


PLUGIN = 'hcl_arch.__version__'
_PYTHON = 'tag:yaml.org,2002:python/'
_NAME = f'{_PYTHON}name:'
_STANDARD = 'tag:yaml.org,2002:'
_MERGE = 'tag:yaml.org,2002:merge'
# The C parser, as in BasicSR, if PyYAML was built with it.
_Base: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
# Errors that the constructors of dates, numbers and the like raise for invalid text.
_VALUE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class YamlTagError(HCLError, yaml.YAMLError):
    """The text asks for Python objects; the message says where, and what to do."""


class YamlKeyError(HCLError, yaml.YAMLError):
    """A key is invalid or given twice; the message says where."""


def load_yaml(text: str, *, trusted: bool = False) -> Any:
    """Return the values of a YAML text.

    Args:
        text: one YAML document.
        trusted: whether `!!python/name:` may import other packages than this one, which runs their code.

    Raises:
        yaml.YAMLError: the text is not YAML, asks for more than plain values, gives a key twice, or is too large or
            deep (see `hcl_arch.utils.yaml_loader`).
    """
    limits = EventLimits()
    for event in yaml.parse(text, Loader=_Base):
        limits.check(event)
        _check_tag(event, trusted)
    return yaml.load(text, Loader=_TrustingLoader if trusted else _PlainLoader)


def _check_tag(event: yaml.Event, trusted: bool) -> None:
    """Refuse Python tags except the plugin's, however they are written."""
    tag = getattr(event, 'tag', None) or ''
    if not tag.startswith(_PYTHON) or tag == _NAME + PLUGIN:
        return
    line = line_of(event)
    shown = '!!' + tag[len(_STANDARD) :]
    if not tag.startswith(_NAME):
        raise YamlTagError(
            f'line {line}: the tag {shown} builds a Python object, which can run any code. Only '
            f'!!python/name:{PLUGIN} is taken: write plain values'
        )
    if not trusted:
        raise YamlTagError(
            f'line {line}: the tag {shown} imports a Python module, which runs its code. Only '
            f'!!python/name:{PLUGIN} is taken: remove the tag or, if you know that module, give '
            'hcl-train or hcl-test --trust_option_file'
        )


class _PlainLoader(_Base):
    """PyYAML's safe loader with this package's plugin line, strict keys, and errors that name the line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build the value of a node; errors of its constructor name its line."""
        try:
            return super().construct_object(node, deep=deep)
        except _VALUE_ERRORS as error:
            kind = str(node.tag).replace(_STANDARD, '!!')
            raise yaml.constructor.ConstructorError(
                None, None, f'{str(node.value)[:60]!r} is no value of {kind} ({error})', node.start_mark
            ) from error


class _TrustingLoader(_PlainLoader):
    """Also imports what `!!python/name:` names, as BasicSR's loader does."""


def _construct_mapping(loader: _PlainLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.constructor.ConstructorError(None, None, 'expected a mapping', node.start_mark)
    return {key: loader.construct_object(value) for key, value in _checked_pairs(loader, node)}


def _checked_pairs(loader: _PlainLoader, node: yaml.MappingNode) -> Iterator[tuple[Any, yaml.Node]]:
    """Yield keys and the nodes of their values.

    Raises:
        YamlKeyError: a key is given twice, is invalid, or is a merge key, which BasicSR's loader does not support.
    """
    lines: dict[Any, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if key_node.tag == _MERGE:
            raise YamlKeyError(f'line {line}: the merge key << is not known to BasicSR: write the keys out')
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (dict, list, set)):
            raise YamlKeyError(f'line {line}: expected a word before the colon, found a {type(key).__name__}')
        if key in lines:
            raise YamlKeyError(
                f'line {line}: the key {key!r} is given in line {lines[key]} already: remove one of them'
            )
        lines[key] = line
        yield key, value_node


def _construct_int(loader: _PlainLoader, node: yaml.ScalarNode) -> int:
    value = loader.construct_yaml_int(node) if len(node.value) <= MAX_DIGITS else None
    if value is None or value.bit_length() > MAX_BITS:
        raise ValueError(f'expected a whole number of at most {MAX_BITS} bits')
    return value


def _construct_plugin(loader: _PlainLoader, node: yaml.Node) -> str:
    _check_empty(loader, node)
    return __version__


def _construct_name(loader: _TrustingLoader, suffix: str, node: yaml.Node) -> Any:
    """Import a module and return what the tag names in it."""
    _check_empty(loader, node)
    module_name, _, name = suffix.rpartition('.')
    try:
        return getattr(importlib.import_module(module_name or 'builtins'), name)
    except ImportError as error:
        reason = f'cannot find module {module_name!r} ({error})'
    except AttributeError:
        reason = f'cannot find {name!r} in the module {module_name!r}'
    except Exception as error:  # the module's own code fails
        reason = f'the module {module_name!r} cannot be imported ({type(error).__name__}: {error})'
    raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


def _check_empty(loader: _PlainLoader, node: yaml.Node) -> None:
    if loader.construct_scalar(node):
        raise yaml.constructor.ConstructorError(
            None, None, f'expected nothing after the tag, found {node.value!r}', node.start_mark
        )


_PlainLoader.add_constructor('tag:yaml.org,2002:map', _construct_mapping)
_PlainLoader.add_constructor('tag:yaml.org,2002:int', _construct_int)
_PlainLoader.add_constructor(_NAME + PLUGIN, _construct_plugin)
_TrustingLoader.add_multi_constructor(_NAME, _construct_name)
