"""Strokes of the brush, on masks of any size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.strokes import MAX_POINTS, MAX_STROKES, paint, read_strokes

DOT = {'erase': False, 'radius': 0.1, 'points': [[0.5, 0.5]]}


def test_a_dot_is_a_disc_of_its_radius():
    mask = paint(np.zeros((200, 400), np.uint8), read_strokes([DOT]))
    assert np.count_nonzero(mask) == pytest.approx(math.pi * 40**2, rel=0.03)  # 0.1 of the longer side
    rows, columns = np.nonzero(mask)
    assert (rows.mean(), columns.mean()) == pytest.approx((99.5, 199.5), abs=1)


def test_a_line_has_round_ends_and_its_width():
    line = {'erase': False, 'radius': 0.05, 'points': [[0.25, 0.5], [0.75, 0.5]]}
    mask = paint(np.zeros((400, 400), np.uint8), read_strokes([line]))
    assert np.count_nonzero(mask) == pytest.approx(200 * 40 + math.pi * 20**2, rel=0.04)


def test_later_strokes_lie_over_earlier_ones_and_the_given_mask_stays():
    given = np.full((50, 50), 255, np.uint8)
    strokes = read_strokes([{**DOT, 'erase': True, 'radius': 0.4}, {**DOT, 'radius': 0.1}])
    mask = paint(given, strokes)
    assert mask[25, 25] == 255
    assert mask[25, 25 + 12] == 0
    assert mask[0, 0] == 255
    assert given.all()
    assert paint(given, []).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 500), (3, 2)])
def test_tiny_masks_can_be_painted(size):
    assert paint(np.zeros(size, np.uint8), read_strokes([DOT])).any()


def test_points_far_outside_are_brought_near():
    mask = paint(np.zeros((20, 20), np.uint8), read_strokes([{**DOT, 'points': [[-1e300, 0.5], [1e300, 0.5]]}]))
    assert mask[10].all()
    assert not mask[0].any()


@pytest.mark.parametrize(
    'data',
    [
        None,
        {},
        'x',
        [1],
        [{}],
        [{**DOT, 'points': []}],
        [{**DOT, 'points': [[1]]}],
        [{**DOT, 'points': 'ab'}],
        [{**DOT, 'points': [[0, float('nan')]]}],
        [{**DOT, 'radius': 0}],
        [{**DOT, 'radius': 1e9}],
        [{**DOT, 'radius': float('nan')}],
        [{**DOT, 'radius': 'wide'}],
        [{**DOT, 'radius': None}],
        [DOT] * (MAX_STROKES + 1),
        [{**DOT, 'points': [[0.5, 0.5]] * (MAX_POINTS + 1)}],
        [{**DOT, 'radius': 10**400}],
    ],
)
def test_what_is_no_stroke_is_told(data):
    with pytest.raises(PageError, match='Undo|can be kept'):
        read_strokes(data)
