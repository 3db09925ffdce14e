"""Fixtures of the architectures' tests."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from hcl_arch.archs import HCLNet

SmallNet = Callable[..., HCLNet]


@pytest.fixture
def small_net(small_options: dict[str, Any]) -> SmallNet:
    """Function `(**options)` that makes a small HCLNet; the options come on top of `small_options`."""

    def make(**options: Any) -> HCLNet:
        return HCLNet(**{**small_options, **options})

    return make
