"""Refuse misspelt option names, with the nearest known name as a hint."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any


def check_keys(options: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise if `options` holds a key that nobody reads.

    Args:
        options: the options as the option file gives them; only their keys are looked at.
        known: every key that is read.
        where: what the options belong to, as the message shall call it, e.g. "data set 'Places'".

    Raises:
        ValueError: a key is unknown; names the key, `where` and the nearest known key.
    """
    for key in options:
        if key in known:
            continue
        nearest = difflib.get_close_matches(str(key), sorted(known), n=1)
        hint = f"Did you mean '{nearest[0]}'?" if nearest else f'Known keys: {", ".join(sorted(known))}.'
        raise ValueError(f"{where}: unknown option '{key}'. {hint}")
