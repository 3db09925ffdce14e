"""Look through a YAML text, event by event, before anything is built of it.

Building goes down into the text by recursion and copies nothing, but what is built is copied and printed later: a text
of some hundred bytes whose aliases stand for lists of aliases can take all memory then, and a deeply nested one ends
the process. Events need neither recursion nor memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import yaml

MAX_NODES = 100_000
MAX_DEPTH = 100


class YamlLimitError(yaml.YAMLError):
    """The text is well-formed, but larger or deeper than allowed; the message says where."""


def line_of(event: yaml.Event) -> int:
    """Return the line in which an event begins, from 1 on."""
    return 1 if event.start_mark is None else event.start_mark.line + 1


@dataclass
class _Open:
    """A list or mapping whose end is not read yet."""

    anchor: Optional[str]
    nodes: int = 0


@dataclass
class EventLimits:
    """Counts nodes, each alias as all that it stands for, and depth.

    Attributes:
        nodes: largest number of nodes.
        depth: largest number of lists and mappings within each other.
    """

    nodes: int = MAX_NODES
    depth: int = MAX_DEPTH
    _open: list[_Open] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _total: int = 0

    def check(self, event: yaml.Event) -> None:
        """Take the next event.

        Raises:
            YamlLimitError: a limit is passed, or an alias stands for what it is in.
        """
        line = line_of(event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Open(event.anchor))
            self._count(1)
            if len(self._open) > self.depth:
                raise YamlLimitError(f'line {line}: more than {self.depth} lists and mappings within each other')
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self._open.pop()
            if closed.anchor is not None:
                self._sizes[closed.anchor] = closed.nodes
        elif isinstance(event, yaml.ScalarEvent):
            self._count(1)
            if event.anchor is not None:
                self._sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if any(outer.anchor == event.anchor for outer in self._open):
                raise YamlLimitError(f'line {line}: the alias *{event.anchor} stands for what it is in itself')
            self._count(self._sizes.get(event.anchor or '', 0))
        if self._total > self.nodes:
            raise YamlLimitError(f'line {line}: more than {self.nodes:,} values, each alias counted as what it stands '
                                 'for')

    def _count(self, nodes: int) -> None:
        """Count nodes, for the text and for all that they are in."""
        self._total += nodes
        for outer in self._open:
            outer.nodes += nodes
