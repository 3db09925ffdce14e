"""Models as folders, and from a hub: a small server on this machine stands for it, with the hub's own library."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

import hcl_arch
from hcl_arch.archs.registry import ARCHS
from hcl_arch.commands.restore import main
from hcl_arch.model_files import ModelFileError, load_model, save_model
from hcl_arch.model_files.hub_layout import read_folder
from tests.conftest import REPOSITORY
from tests.model_files.test_model_files import OPTIONS

INFO = {'description': 'a small one', 'licence': 'CC0 for all', 'detect_side': 64, 'threshold': 0.4}
COMMIT = 'c0ffee' * 6 + 'cafe'
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


@pytest.fixture(scope='module')
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's file."""
    torch.manual_seed(1)
    network = ARCHS.build({**OPTIONS, 'refiner': ARCHS.build(OPTIONS['refiner'])})
    path = tmp_path_factory.mktemp('file') / 'mine.safetensors'
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    save_model(path, OPTIONS, state, INFO)
    return path


@pytest.fixture
def folder(file: Path, tmp_path: Path) -> Path:
    hcl_arch.Restorer(file, device='cpu').save_pretrained(tmp_path / 'mine')
    return tmp_path / 'mine'


def edit_config(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / 'config.json').read_text('utf-8'))
    edit(config)
    (folder / 'config.json').write_text(json.dumps(config), 'utf-8')


class TestFolder:
    def test_what_is_saved_comes_back(self, file: Path, folder: Path) -> None:
        assert sorted(path.name for path in folder.iterdir()) == ['README.md', 'config.json', 'model.safetensors']
        before, after = load_file(file), load_file(folder / 'model.safetensors')
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            assert torch.equal(tensor, after[name])
            assert tensor.dtype == after[name].dtype  # float16 stays float16
        made, again = hcl_arch.Restorer(file), hcl_arch.Restorer.from_pretrained(folder, device='cpu')
        np.testing.assert_array_equal(again.restore(IMAGE).image, made.restore(IMAGE).image)
        assert (again.name, again.threshold, again.detect_side) == ('mine', 0.4, 64)

    def test_every_way_in_takes_it(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert load_model(folder).name == 'mine'
        assert load_model(folder / 'model.safetensors').options == load_model(folder).options
        hcl_arch.restore(IMAGE, model=folder)
        Image.fromarray(IMAGE).save(folder / 'photo.png')
        assert main([str(folder / 'photo.png'), '-o', str(folder / 'out'), '--model', str(folder)]) == 0
        monkeypatch.chdir(folder)
        assert hcl_arch.Restorer.from_pretrained('.').name == 'mine'

    def test_numbers_that_float16_does_not_hold_stay(self, file: Path, tmp_path: Path) -> None:
        loaded = load_model(file)
        state = dict(loaded.network.state_dict())
        name = next(name for name, value in state.items() if value.is_floating_point())
        state[name] = torch.full_like(state[name], 1 / 3)
        save_model(tmp_path / 'odd.safetensors', loaded.options, state, {})
        hcl_arch.Restorer(tmp_path / 'odd.safetensors').save_pretrained(tmp_path / 'odd')
        stored = load_file(tmp_path / 'odd' / 'model.safetensors')
        assert torch.equal(stored.pop(name), state[name])
        assert {value.dtype for value in stored.values() if value.is_floating_point()} == {torch.float16}

    def test_own_settings_are_saved(self, file: Path, tmp_path: Path) -> None:
        restorer = hcl_arch.Restorer(file, detect_side=32, min_score=0.7)
        restorer.feather = 3.0
        restorer.save_pretrained(tmp_path / 'own')
        own = hcl_arch.Restorer.from_pretrained(tmp_path / 'own')
        assert (own.detect_side, own.min_score, own.threshold, own.feather) == (32, 0.7, 0.4, 3.0)

    def test_configuration_counts_where_it_is(self, folder: Path) -> None:
        """So a threshold can be edited, and weights of other programs, which say nothing, can be used."""
        edit_config(folder, lambda config: config['info'].update(threshold=0.25))
        save_file(load_file(folder / 'model.safetensors'), folder / 'model.safetensors')
        assert hcl_arch.Restorer.from_pretrained(folder).threshold == 0.25
        (folder / 'config.json').unlink()
        with pytest.raises(ModelFileError, match='holds no configuration of a network'):
            load_model(folder)

    def test_weights_alone_are_enough(self, folder: Path) -> None:
        (folder / 'config.json').unlink()
        assert read_folder(folder).description.info['description'] == 'a small one'

    def test_card(self, folder: Path, file: Path) -> None:
        _, head, text = (folder / 'README.md').read_text('utf-8').split('---\n', 2)
        assert yaml.safe_load(head)['library_name'] == 'hcl-arch'
        assert yaml.safe_load(head)['license'] == 'other'  # never that of the code
        assert '# mine\n\na small one\n' in text
        assert text.endswith('## Terms of the weights\n\nCC0 for all\n')
        (folder / 'README.md').write_text('my own words')
        hcl_arch.Restorer(file).save_pretrained(folder)
        assert (folder / 'README.md').read_text() == 'my own words'

    @pytest.mark.parametrize(
        ('edit', 'message'),
        [
            (lambda config: config.pop('hcl_arch_format'), 'config.json: holds no configuration of a network'),
            (lambda config: config.update(hcl_arch_format='2'), "config.json: has the format '2', expected '1'"),
            (lambda config: config.pop('network'), 'config.json: its network must be a mapping in JSON, got nothing'),
            (lambda config: config['info'].update(threshold=2), 'config.json: its info: threshold'),
            (lambda config: config['network'].update(dim=8), 'mine: tensor .* has the shape'),
        ],
    )
    def test_bad_configuration(self, edit: Callable[[dict[str, Any]], object], message: str, folder: Path) -> None:
        edit_config(folder, edit)
        with pytest.raises(ModelFileError, match=message):
            load_model(folder)

    @pytest.mark.parametrize('content', [b'', b'[', b'3', b'[]', b'{"a": ' * 5000, b' ' * 2**20])
    def test_configuration_that_is_none(self, content: bytes, folder: Path) -> None:
        (folder / 'config.json').write_bytes(content)
        with pytest.raises(ModelFileError, match='config.json: '):
            load_model(folder)

    def test_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match='holds no model.safetensors; expected a folder of save_pretrained'):
            hcl_arch.Restorer.from_pretrained(tmp_path)

    def test_a_network_is_not_saved_without_its_options(self, file: Path, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match='made from a network; save that by hcl_arch.model_files.save_model'):
            hcl_arch.Restorer(load_model(file).network).save_pretrained(tmp_path / 'x')
        assert not (tmp_path / 'x').exists()

    def test_the_place_is_taken(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / 'x').touch()
        with pytest.raises(ModelFileError, match='x: cannot be written: '):
            hcl_arch.Restorer(file).save_pretrained(tmp_path / 'x')

    @pytest.mark.parametrize('name', ['small', 'mine.safetensors', '/no/such/folder', 'a/b/c'])
    def test_neither_folder_nor_name(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ModelFileError, match=r'expected a folder \(there is none; .*\) or OWNER/NAME on the hub'):
            hcl_arch.Restorer.from_pretrained(name)


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one repository, OWNER/mine."""

    folder: Path
    asked: list[str]

    def do_GET(self) -> None:
        """Send a description, or a file."""
        path = self.path.partition('?')[0]
        self.asked.append(path)
        names = sorted(file.name for file in self.folder.iterdir())
        if path == '/api/models/OWNER/mine/revision/main':
            files = [{'rfilename': name} for name in names]
            self._send(json.dumps({'id': 'OWNER/mine', 'sha': COMMIT, 'siblings': files}).encode())
        elif path == f'/api/models/OWNER/mine/tree/{COMMIT}':
            tree = [
                {'type': 'file', 'path': name, 'size': (self.folder / name).stat().st_size, 'oid': self._tag(name)}
                for name in names
            ]
            self._send(json.dumps(tree).encode())
        elif path.startswith(f'/OWNER/mine/resolve/{COMMIT}/') and path.rpartition('/')[2] in names:
            name = path.rpartition('/')[2]
            self._send((self.folder / name).read_bytes(), etag=self._tag(name))
        else:
            self.send_response(404)
            self.send_header('X-Error-Code', 'RepoNotFound')
            self.send_header('Content-Length', '0')
            self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def _send(self, content: bytes, etag: str = '') -> None:
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('X-Repo-Commit', COMMIT)
        if etag:
            self.send_header('ETag', f'"{etag}"')
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(content)

    def _tag(self, name: str) -> str:
        return hashlib.sha1((self.folder / name).read_bytes()).hexdigest()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(not importlib.util.find_spec('huggingface_hub'), reason='huggingface_hub is not installed')
class TestHub:
    @pytest.fixture
    def hub(self, folder: Path) -> Iterator[ThreadingHTTPServer]:
        (folder / 'large.bin').write_bytes(b'never downloaded')
        answers = type('Answers', (Hub,), {'folder': folder, 'asked': []})
        server = ThreadingHTTPServer(('127.0.0.1', 0), answers)
        server.answers = answers  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        server.server_close()
        thread.join()

    def load(self, name: str, home: Path, port: int, *, settings: str = '', **environment: str) -> str:
        """Load in a Python of its own, since the hub's library reads its environment once; return the last line."""
        made = f'hcl_arch.Restorer.from_pretrained({name!r}{settings})'
        code = f'import hcl_arch\nmade = {made}\nprint(made.name, made.threshold)'
        ran = subprocess.run(
            [sys.executable, '-c', code], cwd=home, capture_output=True, text=True, check=False,
            env={
                **os.environ, 'PYTHONPATH': str(REPOSITORY), 'HF_HOME': str(home), 'HF_ENDPOINT': f'http://127.0.0.1:{port}',
                'HF_HUB_DISABLE_TELEMETRY': '1', 'HF_HUB_DISABLE_XET': '1', **environment,
            },
        )  # fmt: skip
        return (ran.stderr if ran.returncode else ran.stdout).strip().split('\n')[-1]

    def test_downloaded_once_then_from_the_cache(self, hub: ThreadingHTTPServer, tmp_path: Path) -> None:
        home, port = tmp_path / 'home', hub.server_address[1]
        home.mkdir()
        assert self.load('OWNER/mine', home, port) == 'mine 0.4'
        asked = hub.answers.asked  # type: ignore[attr-defined]
        assert any(path.endswith('/model.safetensors') for path in asked)
        assert not any(path.endswith('/large.bin') for path in asked)
        asked.clear()
        assert self.load('OWNER/mine', home, port, settings=', local_files_only=True') == 'mine 0.4'
        assert self.load('OWNER/mine', home, port, HF_HUB_OFFLINE='1') == 'mine 0.4'
        assert asked == []
        hub.shutdown()
        hub.server_close()
        assert self.load('OWNER/mine', home, port) == 'mine 0.4'  # nobody answers

    def test_errors_say_what_to_do(self, hub: ThreadingHTTPServer, tmp_path: Path) -> None:
        port = hub.server_address[1]
        for name, environment in (('OWNER/other', {}), ('OWNER/mine', {'HF_HUB_OFFLINE': '1'})):
            said = self.load(name, tmp_path, port, **environment)
            assert said.startswith(
                f'hcl_arch.model_files.errors.ModelFileError: {name}: there is no such folder, and it cannot be had '
                'from the hub: '
            )
            assert said.endswith('or name a folder with its model.safetensors and config.json.')


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ModelFileError) as error:
        hcl_arch.Restorer.from_pretrained('OWNER/mine')
    assert str(error.value) == (
        'OWNER/mine: there is no such folder, and the hub needs huggingface_hub, which is not installed: '
        'pip install "hcl-arch[hub]"; or download its model.safetensors and config.json, and name their folder.'
    )
