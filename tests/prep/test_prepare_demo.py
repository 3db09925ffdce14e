"""The script of the demo replaces its own pictures and nothing else."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repository / 'datasets_prep'))
    module = importlib.import_module('prepare_demo')
    monkeypatch.setattr(module, 'SPLITS', {'train': {'camera': 2}, 'val': {'coins': 1}, 'val_noise': {'brick': 1}})
    return module


@pytest.mark.parametrize('folder', ['train', 'val_noise', '.val.unfinished'])
@pytest.mark.parametrize('name', ['img_001.png', 'camera_001.jpg', 'sub/camera_001.png'])
def test_folders_of_others_are_left(script: Any, tmp_path: Path, folder: str, name: str) -> None:
    own = tmp_path / folder / name
    own.parent.mkdir(parents=True)
    own.write_text('mine')
    with pytest.raises(SystemExit, match=f"Error: .*{folder}: expected nothing or pictures of an earlier run, found '"):
        script.main([str(tmp_path)])
    assert [path for path in tmp_path.rglob('*') if path.is_file()] == [own]


def test_a_linked_folder_is_left(script: Any, tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'val').symlink_to(tmp_path / 'mine')
    with pytest.raises(SystemExit, match='val: expected nothing or a folder, found a link or a file'):
        script.main([str(tmp_path)])
    assert not (tmp_path / 'train').exists()


def test_an_earlier_run_is_replaced(script: Any, tmp_path: Path) -> None:
    script.main([str(tmp_path)])
    (tmp_path / 'train' / 'coins_007.png').write_text('of an earlier run')
    script.main([str(tmp_path)])
    assert sorted(path.name for path in (tmp_path / 'train').iterdir()) == ['camera_000.png', 'camera_001.png']
