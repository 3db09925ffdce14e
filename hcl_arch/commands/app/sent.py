"""What the browser sends, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from hcl_arch.commands.app.own_masks import CHANNELS, POLARITIES, MaskPicture, OwnMask
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.shelf import Shelf

MAX_GROW = 64


class RepairOptions(NamedTuple):
    """How to repair; `filler` is the name of one of the fillers."""

    composite: bool
    reverse: bool
    erase: bool
    filler: Any


def read_options(sent: Mapping[str, Any]) -> RepairOptions:
    """Return how to repair."""
    composite, reverse, erase = (sent.get(name) is True for name in ('composite', 'reverse', 'erase'))
    return RepairOptions(composite, reverse, erase, sent.get('filler'))


def read_threshold(value: Any) -> float:
    """Return a threshold.

    Raises:
        PageError: it is none.
    """
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise PageError('How much is marked is a number from 0 to 1.')
    return float(value)


def read_grow(value: Any) -> int:
    """Return the number of pixels by which to widen the mask.

    Raises:
        PageError: it is not such a number.
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= MAX_GROW:
        raise PageError(f'The marks can be widened by 0 to {MAX_GROW} pixels.')
    return int(value)


def read_own_mask(value: Any, masks: Shelf[MaskPicture]) -> OwnMask | None:
    """Return the visitor's own mask; None if nothing is sent.

    Raises:
        PageError: it is not kept here, or not said in a known way how it is meant.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise PageError('The mask could not be read. Choose it again.')
    polarity = next((name for name in POLARITIES if name == value.get('polarity', 'auto')), None)
    channel = next((name for name in CHANNELS if name == value.get('channel', 'auto')), None)
    if polarity is None or channel is None:
        raise PageError('How the mask is meant could not be read. Choose it again.')
    return OwnMask(masks.get(value.get('token')), polarity, channel, value.get('fit') is True)


def read_files(data: Any, most: int) -> list[tuple[str, str, str]]:
    """Return name, token and error of each upload reported by the browser.

    Raises:
        PageError: it is not a list of uploads, or too long.
    """
    if not isinstance(data, list) or not data or not all(isinstance(entry, dict) for entry in data):
        raise PageError('No files have come. Choose them again.')
    if len(data) > most:
        raise PageError(f'At most {most} files can be taken at a time.')
    return [
        (str(entry.get('name', ''))[:100], str(entry.get('token', '')), str(entry.get('error', ''))[:300])
        for entry in data
    ]
