"""What a command says when it refuses to start."""

from __future__ import annotations

import importlib.util

import pytest


def error_of(main, arguments, capsys) -> str:
    """The message of a command that ends with status 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def hide(package: str, monkeypatch) -> None:
    """Have a package look as if it were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name, *rest: None if name == package else find(name, *rest))
