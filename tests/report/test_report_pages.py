"""The pages as text: escaping, bold figures, pictures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hcl_arch.commands.report.document import Block, Cell, Column, Details, Gallery, Heading, Paragraph, Picture, Table
from hcl_arch.commands.report.html_page import html_page
from hcl_arch.commands.report.markdown_page import escape, markdown_page

ODD = '<b>|*_x_ & "y"'


@pytest.fixture
def blocks() -> list[Block]:
    columns = [Column('metric'), Column('method'), Column(ODD, 'hole share'), Column('all', 'hole share')]
    rows = [
        [Cell('psnr'), Cell(ODD), Cell('1.0', bold=True), Cell('<2>')],
        [Cell('psnr'), Cell('B'), Cell('0.5'), Cell(ODD, picture='pictures/a b.png')],
    ]
    return [
        Heading(1, ODD),
        Paragraph(ODD, warning=True),
        Table(ODD, columns, rows, n_labels=2),
        Details(ODD, [Gallery([Picture('pictures/c.svg', ODD, ODD)])]),
    ]


@pytest.fixture
def page(blocks: list[Block]) -> ElementTree.Element:
    return ElementTree.fromstring(html_page(blocks, ODD, 'test'))


@pytest.mark.parametrize(
    'path',
    [
        'head/title',
        './/h1',
        './/caption',
        './/summary',
        './/figcaption',
        './/tbody//th[2]',
        './/thead/tr[2]/th',
    ],
)
def test_html_shows_odd_text_as_it_is(page: ElementTree.Element, path: str) -> None:
    found = page.find(path)
    assert found is not None
    assert found.text == ODD


def test_html_has_no_element_of_a_name_in_the_text(page: ElementTree.Element) -> None:
    assert page.find('.//b') is None
    assert [image.get('alt') for image in page.iter('img')] == [ODD, ODD]


def test_html_needs_nothing_from_elsewhere(blocks: list[Block]) -> None:
    text = html_page(blocks, 't', 'test')
    assert 'http' not in text
    assert '<script' not in text
    assert '<link' not in text


def test_html_writes_a_metric_once_beside_its_methods(page: ElementTree.Element) -> None:
    assert [(cell.text, cell.get('rowspan')) for cell in page.findall('.//tbody//th')] == [
        ('psnr', '2'),
        (ODD, None),
        ('B', None),
    ]
    assert [(cell.text, cell.get('colspan')) for cell in page.findall('.//thead/tr[1]/th')][-1] == ('hole share', '2')


def test_html_marks_the_best_and_shows_pictures_of_cells(page: ElementTree.Element) -> None:
    assert [strong.text for strong in page.findall('.//td/strong')] == ['1.0']
    assert [cell.text for cell in page.iter('td')][1] == '<2>'
    assert [image.get('src') for image in page.findall('.//td/img')] == ['pictures/a%20b.png']


def test_markdown_table_keeps_its_columns_with_odd_names(blocks: list[Block]) -> None:
    lines = [line for line in markdown_page(blocks, 'test').splitlines() if line.startswith('|')]
    assert lines == [
        '| metric | method | hole share &lt;b>\\|\\*\\_x\\_ &amp; "y" | hole share all |',
        '| :-- | :-- | --: | --: |',
        '| psnr | &lt;b>\\|\\*\\_x\\_ &amp; "y" | **1.0** | &lt;2> |',
        '| psnr | B | 0.5 | ![&lt;b>\\|\\*\\_x\\_ &amp; "y"](pictures/a%20b.png) |',
    ]


@pytest.mark.parametrize(
    ('text', 'escaped'),
    [
        ('mask_iou', 'mask_iou'),
        ('_x_', '\\_x\\_'),
        ('two\nlines', 'two lines'),
        ('$a$ [b](c) ~d~ `e` \\', '\\$a\\$ \\[b\\](c) \\~d\\~ \\`e\\` \\\\'),
        ('a & b <c>', 'a &amp; b &lt;c>'),
    ],
)
def test_markdown_escapes_what_begins_markup(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize(('text', 'line'), [('# x', '\\# x'), ('1. x', '1\\. x'), ('> x', '\\> x')])
def test_markdown_paragraph_begins_no_list_or_heading(text: str, line: str) -> None:
    assert markdown_page([Paragraph(text)], 'test').splitlines()[2] == line
