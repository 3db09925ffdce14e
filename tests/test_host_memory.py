"""What `keep_freed_memory` asks of the C library; this process's own allocator is left alone."""

from __future__ import annotations

import ctypes
import os
import sys
from types import SimpleNamespace
from typing import Callable

import pytest

from hcl_arch.utils.host_memory import keep_freed_memory

# mallopt's parameters, from glibc's <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

Calls = list[tuple[int, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Linux with glibc and nothing set: the calls of a mallopt that accepts everything."""
    made: Calls = []
    patch_mallopt(monkeypatch, lambda parameter, value: made.append((parameter, value)) or 1)
    monkeypatch.setattr(sys, 'platform', 'linux')
    for name in list(os.environ):
        if name.startswith('MALLOC_'):
            monkeypatch.delenv(name)
    return made


def patch_mallopt(monkeypatch: pytest.MonkeyPatch, mallopt: Callable[[int, int], int]) -> None:
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: SimpleNamespace(mallopt=mallopt))


def test_raises_both_thresholds(calls: Calls) -> None:
    assert keep_freed_memory() is True
    assert sorted(calls) == sorted([(M_MMAP_THRESHOLD, 2**29), (M_TRIM_THRESHOLD, 2**31 - 1)])
    # mallopt takes C's int.
    assert all(-(2**31) <= number < 2**31 for call in calls for number in call)


@pytest.mark.parametrize('name', ['MALLOC_ARENA_MAX', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'])
def test_the_users_own_settings_stay(name: str, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, '1')
    assert keep_freed_memory() is False
    assert calls == []


@pytest.mark.parametrize('platform', ['darwin', 'win32'])
def test_nothing_outside_linux(platform: str, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'platform', platform)
    assert keep_freed_memory() is False
    assert calls == []


@pytest.mark.usefixtures('calls')
def test_nothing_without_mallopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: SimpleNamespace())
    assert keep_freed_memory() is False


@pytest.mark.usefixtures('calls')
def test_says_so_if_mallopt_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_mallopt(monkeypatch, lambda parameter, value: 0)
    assert keep_freed_memory() is False
