"""The command line of the benchmark of large LMDBs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repository / 'benchmarks'))
    return importlib.import_module('lmdb_scale')


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--count', '0'], "--count: expected a whole number of at least 1, got '0'"),
        (['--size', '40'], 'unrecognized arguments: --size 40'),
        (['--quality', '40'], 'unrecognized arguments: --quality 40'),
    ],
)
def test_options_without_effect_are_refused(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        script.main([str(tmp_path), *more])
    assert message in capsys.readouterr().err


def test_what_is_written_is_verified(script: Any, tmp_path: Path) -> None:
    script.main([str(tmp_path), '--count', '7', '--write', '--workers', '0'])
    assert script.verify(tmp_path / 'scale.lmdb', 7)['entries_lost'] == 0
    assert script.verify(tmp_path / 'scale.lmdb', 8)['entries_lost'] == 1
