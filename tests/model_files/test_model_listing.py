"""Names of models: those of the package and of the user, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from basicsr.archs import build_network

from hcl_arch.model_files import ModelFileError, list_models, listing, load_model, model_line, save_model, user_folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's folder of models, in this test."""
    folder = tmp_path / 'package'
    folder.mkdir()
    monkeypatch.setattr(listing, 'PACKAGE_FOLDER', folder)
    return folder


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, in this test."""
    folder = tmp_path / 'user'
    folder.mkdir()
    monkeypatch.setenv('HCL_MODELS', str(folder))
    return folder


def save(path: Path, options: dict[str, Any], description: str) -> None:
    named = {'type': 'HCLNet', **options}
    save_model(path, named, build_network(named).state_dict(), {'description': description})


def test_list(package: Path, user: Path, small_options: dict[str, Any]) -> None:
    assert list_models() == []
    save(package / 'small.safetensors', small_options, 'of the package')
    save(package / 'base.safetensors', small_options, 'two\nlines \x1b[31m' + 'x' * 200)
    save(user / 'small.safetensors', {**small_options, 'proj_dim': 4}, "the user's")
    (user / 'broken.safetensors').write_bytes(b'\xff' * 40)
    (user / 'notes.txt').write_text('no model')
    (user / '.hidden.safetensors').write_bytes(b'')
    base, broken, small = list_models()
    assert [entry.name for entry in (base, broken, small)] == ['base', 'broken', 'small']
    assert (base.source, base.problem, base.hides) == ('package', None, None)
    assert base.description.startswith('two lines [31mxx')
    assert base.size == (package / 'base.safetensors').stat().st_size
    assert 'is no safetensors file' in str(broken.problem)
    assert (small.source, small.description, small.hides) == ('user', "the user's", package / 'small.safetensors')
    assert 'UNREADABLE' in model_line(broken)
    assert 'in the place of the one in the package' in model_line(small)
    assert all('\n' not in model_line(entry) and '\x1b' not in model_line(entry) for entry in list_models())
    assert dict(load_model('small').options)['proj_dim'] == 4
    assert load_model('base').name == 'base'


def test_names_that_are_none(
    package: Path, user: Path, small_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelFileError, match="there is no model named 'small'; known: none"):
        load_model('small')
    save(package / 'small.safetensors', small_options, '')
    save(user / 'other.safetensors', small_options, '')
    with pytest.raises(ModelFileError, match=r"'smal'; known: other, small \(.*\)\. Did you mean 'small'\?"):
        load_model('smal')
    monkeypatch.chdir(user)
    (user / 'file').write_bytes(b'')
    with pytest.raises(ModelFileError, match=r'For the file of that name write \./file'):
        load_model('file')
    (user / 'bad.safetensors').write_bytes(b'')
    with pytest.raises(ModelFileError, match='is no safetensors file'):
        load_model('bad')


def test_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HCL_MODELS', '~/models')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert user_folder() == tmp_path / 'models'
    monkeypatch.delenv('HCL_MODELS')
    assert user_folder() == tmp_path / '.local' / 'share' / 'hcl_arch' / 'models'
    monkeypatch.setattr(listing, 'PACKAGE_FOLDER', tmp_path / 'none')
    assert list_models() == []


def test_link_to_nowhere(package: Path, user: Path) -> None:
    (user / 'lost.safetensors').symlink_to(user / 'nowhere')
    (entry,) = list_models()
    assert 'cannot be read' in str(entry.problem)
    assert entry.size == 0


def test_packaged_model() -> None:
    path = listing.PACKAGE_FOLDER / 'small.safetensors'
    assert path.stat().st_size <= 16 * 2**20
    model = load_model(path)
    assert {'description', 'licence', 'detect_side'} <= set(model.info)
