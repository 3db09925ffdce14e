"""A page as Markdown (GitHub's)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from hcl_arch.commands.report.document import Block, Cell, Details, Gallery, Heading, Paragraph, Picture, Table

# Characters that could start markup anywhere. An underscore does so only at the edge of a word; mask_iou stays
# readable.
_MARKUP = re.compile(r'[\\`*|\[\]~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])')
# Starts of lines that begin a heading, a list or a quotation.
_LINE_START = re.compile(r'^(?=[#+>-])|^(\d+)(?=[.)])')


def markdown_page(blocks: Sequence[Block], generator: str) -> str:
    """Return the page.

    Args:
        blocks: What it is made of.
        generator: Name of the program, put into a comment at its top.
    """
    return '\n\n'.join([f'<!-- {generator} -->', *_lines(blocks)]) + '\n'


def escape(text: str) -> str:
    """Plain text as Markdown that shows it."""
    text = ' '.join(text.split()).replace('&', '&amp;').replace('<', '&lt;')
    return _MARKUP.sub(lambda match: '\\' + match[0], text)


def _lines(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Heading):
            yield f'{"#" * block.level} {escape(block.text)}'
        elif isinstance(block, Paragraph):
            text = _LINE_START.sub(lambda match: (match[1] or '') + '\\', escape(block.text))
            yield f'> **Warning:** {escape(block.text)}' if block.warning else text
        elif isinstance(block, Table):
            yield _table(block)
        elif isinstance(block, Gallery):
            yield from map(_figure, block.pictures)
        elif isinstance(block, Details):
            yield f'<details><summary>{html.escape(block.summary)}</summary>'
            yield from _lines(block.blocks)
            yield '</details>'


def _table(table: Table) -> str:
    names = [f'{column.group} {column.name}'.strip() for column in table.columns]
    rule = [':--' if i < table.n_labels else '--:' for i in range(len(names))]
    lines = [[escape(name) for name in names], rule, *([_cell(cell) for cell in row] for row in table.rows)]
    return '\n'.join([f'{escape(table.caption)}\n', *(f'| {" | ".join(line)} |' for line in lines)])


def _cell(cell: Cell) -> str:
    if cell.picture:
        return _image(cell.picture, cell.text)
    return f'**{escape(cell.text)}**' if cell.bold else escape(cell.text)


def _figure(picture: Picture) -> str:
    return f'{_image(picture.path, picture.alt)}\n\n{escape(picture.caption)}'


def _image(path: str, alt: str) -> str:
    return f'![{escape(alt)}]({quote(path)})'
