"""A page as HTML: one file without scripts, with embedded style, readable on a phone and on paper."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Callable
from urllib.parse import quote

from hcl_arch.commands.report.document import Block, Cell, Column, Details, Gallery, Heading, Paragraph, Picture, Table

# Address of a picture, by its path relative to the page.
Address = Callable[[str], str]

_STYLE = """
:root { --ink: #1c1c1e; --soft: #62656b; --line: #d8dade; --band: #f5f6f8; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 86rem; color: var(--ink); background: #fff;
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; }
h1, h2, h3, h4 { line-height: 1.2; margin: 2.2em 0 .6em; overflow-wrap: anywhere; }
h1 { margin-top: 0; font-size: 1.9rem; }
h2 { font-size: 1.45rem; padding-bottom: .25em; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.15rem; }
p { max-width: 46rem; margin: .6em 0; overflow-wrap: anywhere; }
.warning { padding: .6rem .9rem; border-left: 4px solid #c98a00; background: #fff4d6; }
.scroll { overflow-x: auto; margin: 1rem 0 1.8rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .5em; }
th, td { padding: .3em .6em; text-align: right; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; }
th.label, td.label { text-align: left; font-weight: 400; }
th.group span { white-space: nowrap; }
th.group { text-align: center; white-space: normal; border-bottom: 1px solid var(--line); }
thead { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
thead th.label { font-weight: 600; vertical-align: bottom; }
tbody { border-bottom: 1px solid var(--line); }
tbody:last-child { border-bottom: 2px solid var(--ink); }
tbody tr:hover td { background: var(--band); }
td img { display: block; width: clamp(6rem, 62rem / var(--columns), 16rem); height: auto; }
.pictures th { padding: .3em; text-align: left; white-space: normal; overflow-wrap: anywhere; }
.pictures td { padding: .2em .3em; }
.pictures thead th { vertical-align: bottom; }
.pictures th[rowspan] { min-width: 8rem; }
.pictures th.label:not([rowspan]) { overflow-wrap: normal; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem 1.5rem;
  margin: 1rem 0 1.8rem; }
figure { margin: 0; min-width: 0; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { margin-top: .3em; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
summary { cursor: pointer; padding: .3em 0; }
@media print { body { max-width: none; padding: 0; font-size: 9pt; }
  .scroll { overflow: visible; } table { font-size: 8pt; } th, td { padding: .2em .4em; }
  tbody, figure, .warning { break-inside: avoid; } h2, h3, caption { break-after: avoid; } }
"""


def html_page(blocks: Sequence[Block], title: str, generator: str, address: Address = quote) -> str:
    """Return the page, well-formed as XML too.

    Args:
        blocks: What it is made of.
        title: Shown by the browser.
        generator: Name of the program.
        address: Address of a picture by its path, such as a `data:` one; by default the path.
    """
    head = [
        '<!DOCTYPE html>',
        '<html lang="en">',
        '<head>',
        '<meta charset="utf-8"/>',
        f'<meta name="generator" content="{html.escape(generator)}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f'<title>{html.escape(title)}</title>',
        f'<style>{_STYLE}</style>',
        '</head>',
        '<body>',
        '<main>',
    ]
    return '\n'.join([*head, *_lines(blocks, address), '</main>', '</body>', '</html>']) + '\n'


def _lines(blocks: Sequence[Block], address: Address) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Heading):
            yield f'<h{block.level}>{html.escape(block.text)}</h{block.level}>'
        elif isinstance(block, Paragraph):
            text = html.escape(block.text)
            yield f'<p class="warning"><strong>Warning:</strong> {text}</p>' if block.warning else f'<p>{text}</p>'
        elif isinstance(block, Table):
            yield from _table(block, address)
        elif isinstance(block, Gallery):
            yield '<div class="gallery">'
            yield from (_figure(picture, address) for picture in block.pictures)
            yield '</div>'
        elif isinstance(block, Details):
            yield f'<details><summary>{html.escape(block.summary)}</summary>'
            yield from _lines(block.blocks, address)
            yield '</details>'


def _table(table: Table, address: Address) -> Iterator[str]:
    pictures = ''
    if any(cell.picture for row in table.rows for cell in row):
        pictures = f' class="pictures" style="--columns: {len(table.columns) - table.n_labels}"'
    # The keyboard can only scroll focusable elements.
    yield f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(table.caption)}"><table{pictures}>'
    yield f'<caption>{html.escape(table.caption)}</caption>'
    yield from _table_head(table)
    for _, group in itertools.groupby(table.rows, key=lambda row: row[0].text):
        yield '<tbody>'
        yield from _table_rows(list(group), table.n_labels, address)
        yield '</tbody>'
    yield '</table></div>'


def _table_head(table: Table) -> Iterator[str]:
    """One line of headings, or two where columns have groups."""
    grouped = any(column.group for column in table.columns)
    upper, lower = [], []
    place = 0
    for group, members in itertools.groupby(table.columns, key=lambda column: column.group):
        columns = list(members)
        if group:
            # A range of hole shares stays on one line.
            name = re.sub(r'\d+-\d+ %$', r'<span>\g<0></span>', html.escape(group))
            upper.append(f'<th class="group" scope="colgroup" colspan="{len(columns)}">{name}</th>')
            lower += [_column_head(column, '') for column in columns]
        else:
            span = ' rowspan="2"' if grouped else ''
            upper += [
                _column_head(column, span + (' class="label"' if place + i < table.n_labels else ''))
                for i, column in enumerate(columns)
            ]
        place += len(columns)
    yield '<thead>'
    yield f'<tr>{"".join(upper)}</tr>'
    if lower:
        yield f'<tr>{"".join(lower)}</tr>'
    yield '</thead>'


def _column_head(column: Column, attributes: str) -> str:
    return f'<th scope="col"{attributes}>{html.escape(column.name)}</th>'


def _table_rows(rows: Sequence[Sequence[Cell]], n_labels: int, address: Address) -> Iterator[str]:
    """Rows with the same first label, which is written once beside all of them."""
    for number, row in enumerate(rows):
        labels = []
        if number == 0:
            span = f' rowspan="{len(rows)}"' if len(rows) > 1 else ''
            labels.append(f'<th class="label" scope="row"{span}>{html.escape(row[0].text)}</th>')
        labels += [f'<th class="label" scope="row">{html.escape(cell.text)}</th>' for cell in row[1:n_labels]]
        yield f'<tr>{"".join(labels)}{"".join(_cell(cell, address) for cell in row[n_labels:])}</tr>'


def _cell(cell: Cell, address: Address) -> str:
    if cell.picture:
        return f'<td>{_image(cell.picture, cell.text, address)}</td>'
    text = html.escape(cell.text)
    return f'<td><strong>{text}</strong></td>' if cell.bold else f'<td>{text}</td>'


def _figure(picture: Picture, address: Address) -> str:
    image = _image(picture.path, picture.alt, address)
    return f'<figure>{image}<figcaption>{html.escape(picture.caption)}</figcaption></figure>'


def _image(path: str, alt: str, address: Address) -> str:
    return f'<img src="{html.escape(address(path))}" alt="{html.escape(alt)}"/>'
