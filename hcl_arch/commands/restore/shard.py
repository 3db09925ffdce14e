"""One part of the photographs of a run, so that several runs, on one machine or many, do each of them once."""

from __future__ import annotations

import argparse
import hashlib
import re
from typing import NamedTuple


class Shard(NamedTuple):
    """Part `number` of `parts`, counted from 1."""

    number: int
    parts: int

    def takes(self, name: str) -> bool:
        """Whether a photograph is of this part; its name below the inputs alone says so, whatever lies beside it."""
        digest = hashlib.sha256(name.encode('utf-8', 'surrogateescape')).digest()
        return int.from_bytes(digest[:8], 'big') % self.parts == self.number - 1


def parse_shard(text: str) -> Shard:
    """A part as the command line has it, such as 3/8.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    found = re.fullmatch(r'(\d{1,9})/(\d{1,9})', text, re.ASCII)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, such as 3/8, got '{text}'")
    return Shard(int(found[1]), int(found[2]))
