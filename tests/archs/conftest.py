"""Fixtures of the architectures' tests."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from hcl_arch.archs import HCLNet

# The smallest network with all parts: displaced windows, three stages, images padded to multiples of 16.
SMALL = {
    'dim': 4,
    'encoder_depths': (2, 1, 1),
    'decoder_depths': (2, 1, 1),
    'window_size': 4,
    'bottleneck_depth': 1,
    'bottleneck_window_size': 4,
    'proj_dim': 8,
}

SmallNet = Callable[..., HCLNet]


@pytest.fixture
def small_net() -> SmallNet:
    """Function `(**options)` that makes a small HCLNet; the options come on top of `SMALL`."""

    def make(**options: Any) -> HCLNet:
        return HCLNet(**{**SMALL, **options})

    return make
