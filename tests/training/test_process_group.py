"""Leaving the process group: after waiting for the others; after an error neither is done."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch.distributed as dist

from hcl_arch.training import process_group
from hcl_arch.training.process_group import ended_by_error, init_gloo, joined_then_left, leave_group, note_error

GROUP: Any = object()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of torch.distributed, in a process that belongs to a group and ends well."""
    result: list[str] = []
    monkeypatch.setattr(dist, 'is_initialized', lambda: True)
    monkeypatch.setattr(dist, 'monitored_barrier', lambda group: result.append('wait'))
    monkeypatch.setattr(dist, 'destroy_process_group', lambda: result.append('leave'))
    monkeypatch.setattr(process_group, '_ended_by_error', False)
    monkeypatch.delattr(sys, 'last_type', raising=False)
    return result


def test_waits_then_leaves(calls: list[str]) -> None:
    leave_group(GROUP)
    assert calls == ['wait', 'leave']


def test_nothing_to_leave(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, 'is_initialized', lambda: False)
    leave_group(GROUP)
    assert calls == []


def test_after_an_error_with_a_traceback(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'last_type', ValueError, raising=False)
    leave_group(GROUP)
    assert calls == []


def test_after_an_error_with_a_message(calls: list[str]) -> None:
    assert not ended_by_error()
    note_error()
    assert ended_by_error()
    leave_group(GROUP)
    assert calls == []


def test_others_that_do_not_come(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(group: Any) -> None:
        raise RuntimeError('rank 1 failed to pass monitoredBarrier')

    monkeypatch.setattr(dist, 'monitored_barrier', nobody)
    leave_group(GROUP)
    assert calls == ['leave']
    assert 'did not end with the others: rank 1 failed' in capsys.readouterr().err


def test_joining_asks_for_leaving_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Any] = []

    def join(backend: str, **options: Any) -> None:
        """Join."""
        steps.append((backend, options))

    monkeypatch.setattr(dist, 'new_group', lambda backend, timeout: steps.append(backend) or GROUP)
    monkeypatch.setattr(process_group.atexit, 'register', lambda *call: steps.append(call))
    wrapped = joined_then_left(join)
    wrapped('nccl', rank=1)
    assert steps == [('nccl', {'rank': 1}), 'gloo', (leave_group, GROUP)]
    assert wrapped.__wrapped__ is join  # type: ignore[attr-defined]
    assert wrapped.__doc__ == 'Join.'


def test_a_group_that_cannot_be_joined_need_not_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Any] = []
    monkeypatch.setattr(process_group.atexit, 'register', lambda *call: registered.append(call))

    def join(backend: str) -> None:
        raise RuntimeError('no master')

    with pytest.raises(RuntimeError, match='no master'):
        joined_then_left(join)('nccl')
    assert registered == []


def test_gloo_whatever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[dict[str, Any]] = []
    monkeypatch.setattr(dist, 'init_process_group', lambda **given: options.append(given))
    init_gloo('nccl', rank=0, world_size=1)
    assert options == [{'backend': 'gloo', 'rank': 0, 'world_size': 1}]
