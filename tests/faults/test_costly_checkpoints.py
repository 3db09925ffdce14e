"""A small checkpoint that would take much memory or time is refused before PyTorch loads it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from tests.faults.time_limit import time_limit

COUNT = 1_000_000


def saved(content: Any, *, new_form: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=new_form)
    return file.getvalue()


def archive(instructions: bytes, **parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as content:
        content.writestr('archive/data.pkl', b'\x80\x02' + instructions + b'.')
        content.writestr('archive/version', b'3\n')
        for name, part in parts.items():
            content.writestr(f'archive/data/{name}', part)
    return file.getvalue()


def compressed(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as after:
        for part in before.infolist():
            after.writestr(part.filename, before.read(part))
    return file.getvalue()


def text(content: bytes) -> bytes:
    return b'X' + struct.pack('<I', len(content)) + content


def name(module: str, function: str) -> bytes:
    return f'c{module}\n{function}\n'.encode()


def number(value: int) -> bytes:
    return b'\x8a\x0a' + value.to_bytes(10, 'little')


def nested(levels: int) -> bytes:
    """A tuple of a tuple, each twice in the next one: two to the power of the levels to hash."""
    return b'K\x01q\x00' + b'h\x00h\x00\x86q\x00' * levels


def tensor(numbers: int, *, stored: int) -> bytes:
    storage = (
        b'(' + text(b'storage') + name('torch', 'FloatStorage') + text(b'0') + text(b'cpu') + number(stored) + b'tQ'
    )
    size = number(numbers) + b'\x85'
    return (
        name('torch._utils', '_rebuild_tensor_v2') + b'(' + storage + b'K\x00' + size + b'K\x01\x85\x89'
        + name('collections', 'OrderedDict') + b')RtR'
    )  # fmt: skip


OTHER_KIND, KEYS = 'a kind that no network has', 'keys that are no texts or numbers of 64 bits'
TOO_MUCH = 'its values besides the tensors take more than 256 MiB'
BEYOND = 'a tensor claims 1,000,000,000 numbers, of which 1 are stored'
FORGED = 'in a form that torch.save does not write'
COSTLY: dict[str, tuple[bytes, str]] = {
    'compressed': (compressed(saved({'params': torch.zeros(2**22)})), 'its parts are compressed: they unpack to 16,7'),
    'lists': (archive(b'(' + 2 * COUNT * b']' + b't'), TOO_MUCH),
    'mappings': (archive(b'(' + 2 * COUNT * b'}' + b't'), TOO_MUCH),
    'ordered': (archive(name('collections', 'OrderedDict') + b'q\x00(' + COUNT // 4 * b'h\x00)R' + b't'), TOO_MUCH),
    'same_text_in_bytes': (
        archive(
            name('_codecs', 'encode') + b'q\x00' + text(b'a' * 99_999) + text(b'latin1') + b'\x86q\x01('
            + 5000 * b'h\x00h\x01R' + b't'
        ),
        TOO_MUCH,
    ),
    'slow_codec': (
        archive(name('_codecs', 'encode') + text('é'.encode() * 99_999) + text(b'punycode') + b'\x86R'), FORGED
    ),
    'bytes_by_number': (archive(name('builtins', 'bytearray') + number(2**33) + b'\x85R'), TOO_MUCH),
    'bytes_in_a_type': (
        archive(
            name('torch._tensor', '_rebuild_from_type_v2') + b'(' + name('builtins', 'bytearray')
            + name('torch', 'Tensor') + number(2**33) + b'\x85}tR'
        ),
        TOO_MUCH,
    ),
    'storage_by_number': (archive(name('torch.storage', 'UntypedStorage') + number(2**33) + b'\x85R'), TOO_MUCH),
    'tensor_by_number': (archive(name('torch', 'FloatTensor') + number(2**33) + b'\x85R'), OTHER_KIND),
    'sparse': (archive(name('torch._utils', '_rebuild_sparse_tensor') + b')R'), OTHER_KIND),
    'key_slow_to_hash': (archive(b'}' + nested(60) + b'Ns'), KEYS),
    'keys_of_the_same_hash': (
        archive(b'}(' + b''.join(number((2**61 - 1) * i) + b'N' for i in range(50_000)) + b'u'), KEYS
    ),
    'set_slow_to_hash': (archive(name('builtins', 'set') + b'](' + nested(60) + b'e\x85R'), 'makes a set of a list'),
    'counter_slow_to_hash': (
        archive(name('collections', 'Counter') + b'](' + nested(60) + b'e\x85R'), 'makes a Counter of a list'
    ),
    'expanded': (saved({'params': torch.zeros(1).expand(10**9)}), BEYOND),
    'expanded_in_the_old_form': (saved({'params': torch.zeros(1).expand(10**9)}, new_form=False), BEYOND),
    'tensor_beyond_its_storage': (archive(tensor(10**9, stored=1), **{'0': b'0000'}), BEYOND),
    'storage_beyond_its_file': (
        saved(torch.zeros(70_000), new_form=False).replace(struct.pack('<i', 70_000), struct.pack('<i', 2**31 - 1)),
        'its storages claim more numbers than the',
    ),
}  # fmt: skip


@pytest.mark.parametrize('kind', COSTLY)
def test_refused_before_it_is_loaded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, words = COSTLY[kind]
    (tmp_path / 'small.pth').write_bytes(content)
    monkeypatch.setattr(torch, 'load', lambda *_, **__: pytest.fail('it was loaded'))
    with time_limit(10), pytest.raises(CheckpointFileError) as caught:
        load_checkpoint(tmp_path / 'small.pth')
    assert words in str(caught.value)
    assert len(content) < 5 * 2**20


CONTENT = {
    'params': OrderedDict(weight=torch.arange(6.0).view(2, 3).t(), half=torch.ones(2).half(), none=torch.zeros(0, 3)),
    'parameter': torch.nn.Parameter(torch.tensor(2.0)),
    'view': torch.arange(10)[3:8:2],
    'iter': 7, 'big': 2**80, 'share': 0.5, 'text': 'é', 'long': 'x' * 300, 'nothing': None, 'flags': [True, False],
    'bytes': b'\x00\xff', 'milestones': Counter({3: 1}), 'place': (1, (2, 3, 4, 5)), 'size': torch.Size([2, 3]),
    'type': torch.float16, 'device': torch.device('cpu'), 'groups': [{'lr': 1e-4, 'params': [0, 1]}],
}  # fmt: skip


@pytest.mark.parametrize('new_form', [True, False])
def test_what_torch_saves_is_loaded(new_form: bool, tmp_path: Path) -> None:
    (tmp_path / 'x.pth').write_bytes(saved(CONTENT, new_form=new_form))
    found: Any = load_checkpoint(tmp_path / 'x.pth')
    expected = torch.load(tmp_path / 'x.pth', weights_only=True)
    assert repr(found) == repr(expected)
    assert found['milestones'] == CONTENT['milestones']
