"""Folders are walked once, links included, and what is left out is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.data.storage.image_root import open_root
from preparation import PreparationError, list_images


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'x')


def both_lists(folder: Path) -> list[list[str]]:
    return [list_images(str(folder)), list(open_root(str(folder)).keys)]


def test_links_are_followed_once(tmp_path: Path) -> None:
    photos = tmp_path / 'photos'
    touch(photos, 'x.png', 'real/y.png', 'real/deep/z.jpg')
    touch(tmp_path / 'elsewhere', 'w.png')
    (photos / 'a').symlink_to(photos / 'real')  # before 'real' by name, and yet 'real' is what counts
    (photos / 'loop').symlink_to(photos)
    (photos / 'real' / 'deep' / 'up').symlink_to(photos / 'real')
    for name in ('t', 's', 'u'):
        (photos / name).symlink_to(tmp_path / 'elsewhere')
    for names in both_lists(photos):
        assert names == ['real/deep/z.jpg', 'real/y.png', 's/w.png', 'x.png']


def test_a_linked_root_and_linked_files(tmp_path: Path) -> None:
    touch(tmp_path / 'photos', 'x.png')
    (tmp_path / 'photos' / 'nowhere.png').symlink_to(tmp_path / 'nowhere.png')
    (tmp_path / 'link').symlink_to(tmp_path / 'photos')
    for names in both_lists(tmp_path / 'link'):
        assert names == ['nowhere.png', 'x.png']


def test_hidden_names_are_left_out_and_others_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, 'x.PNG', '._x.png', '.cache/y.png', 'a.heic', 'b/b.HEIC', 'notes.txt', 'README', '.hidden.doc')
    for names in both_lists(tmp_path):
        assert names == ['x.PNG']
    printed = capsys.readouterr().out
    assert printed.startswith(f'{tmp_path}: files passed over, no images by their extensions: .heic 2, ')
    assert '.txt 1' in printed
    assert 'without extension 1' in printed
    assert '.doc' not in printed


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, 'x.png', 'closed/y.png')
    original = os.scandir

    def scandir(path: str) -> Any:
        if 'closed' in path:
            raise PermissionError(13, 'Permission denied', path)
        return original(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    message = r'closed: cannot be listed \(Permission denied\)\. Allow reading it'
    with pytest.raises(PreparationError, match=message):
        list_images(str(tmp_path))
    with pytest.raises(OSError, match=message):
        open_root(str(tmp_path))
