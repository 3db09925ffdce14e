"""The blocks of a page, before conversion to Markdown or HTML. All text is plain: the writers escape it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Union


@dataclass(frozen=True)
class Cell:
    """A cell of a table: text, or a picture file (path relative to the page) with a description as text."""

    text: str
    bold: bool = False
    picture: str = ''


@dataclass(frozen=True)
class Column:
    """A column of a table; adjacent columns of the same `group` share a heading above their own."""

    name: str
    group: str = ''


@dataclass(frozen=True)
class Table:
    """A table; each row has a cell for every column."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    n_labels: int = 1
    """How many columns, from the left, name the row; the others hold figures."""


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's title."""

    level: Literal[1, 2, 3, 4]
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Text; a warning is highlighted."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture file, by its path relative to the page."""

    path: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side if there is room."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Details:
    """Blocks that stay folded until the reader opens them."""

    summary: str
    blocks: Sequence[Block]


Block = Union[Heading, Paragraph, Table, Gallery, Details]
