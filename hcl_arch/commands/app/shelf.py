"""A temporary store for visitors' items, each under an unguessable token."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from typing import Callable, Generic, TypeVar

from hcl_arch.commands.app.page_error import PageError

Item = TypeVar('Item')
GONE = 'This photograph is no longer kept here. Please choose it again.'
# Length limit of a token; longer ones are not looked up.
_LONGEST_TOKEN = 64


class Shelf(Generic[Item]):
    """Items under random tokens; the least recently used are dropped when there are too many, or after a time.

    Args:
        capacity: largest sum of weights. A single item may weigh more; it is then kept alone.
        lifetime: in seconds since an item was last used.
        drop: called with each dropped item.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        *,
        capacity: int,
        lifetime: float,
        drop: Callable[[Item], None] = lambda item: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity, self._lifetime, self._drop, self._clock = capacity, lifetime, drop, clock
        self._items: OrderedDict[str, tuple[Item, int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item, *, weight: int = 1) -> str:
        """Keep an item; return its token, 22 characters that are safe in a URL."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._items[token] = (item, weight, self._clock())
            gone = self._take_surplus()
        self._drop_all(gone)
        return token

    def get(self, token: object) -> Item:
        """Return an item.

        Raises:
            PageError: there is no item under this token, or not any more.
        """
        with self._lock:
            gone = self._take_surplus()
            entry = self._items.get(token) if isinstance(token, str) and len(token) <= _LONGEST_TOKEN else None
            if entry is not None:
                assert isinstance(token, str)
                self._items[token] = (entry[0], entry[1], self._clock())
                self._items.move_to_end(token)
        self._drop_all(gone)
        if entry is None:
            raise PageError(GONE)
        return entry[0]

    def remove(self, token: str) -> None:
        """Drop an item, if it is there."""
        with self._lock:
            entry = self._items.pop(token, None)
        if entry is not None:
            self._drop(entry[0])

    def clear(self) -> None:
        """Drop all items."""
        with self._lock:
            gone = [entry[0] for entry in self._items.values()]
            self._items.clear()
        self._drop_all(gone)

    def _take_surplus(self) -> list[Item]:
        gone = []
        oldest = self._clock() - self._lifetime
        total = sum(weight for _, weight, _ in self._items.values())
        while self._items:
            token, (item, weight, used) = next(iter(self._items.items()))
            if used >= oldest and (total <= self._capacity or len(self._items) == 1):
                break
            del self._items[token]
            total -= weight
            gone.append(item)
        return gone

    def _drop_all(self, items: list[Item]) -> None:
        for item in items:
            self._drop(item)
