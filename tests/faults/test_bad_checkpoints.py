"""No file of weights runs code, whichever way it comes in, and every bad one is an error that names it."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import torch
from torch import nn

from hcl_arch.archs.detect_then_restore_arch import DetectThenRestore
from hcl_arch.commands.convert.command import ConvertError, convert_file
from hcl_arch.losses.hcl_perceptual_loss import HCLPerceptualLoss
from hcl_arch.metrics.fid_metric import HCLFID
from hcl_arch.metrics.lpips_metric import calculate_hcl_lpips
from hcl_arch.metrics.pretrained_weights import PretrainedWeights
from hcl_arch.models import HCLModel
from hcl_arch.plugin import pipeline
from hcl_arch.training.checkpoints import CheckpointError
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def saved(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def state() -> dict[str, torch.Tensor]:
    return nn.Linear(2, 2).state_dict()


def scripted(network: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(network), file)
    return file.getvalue()


def archive(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as content:
        for name, value in parts.items():
            content.writestr(f'archive/{name}', value)
    return file.getvalue()


def with_pickle(marker: Path, protocol: int) -> bytes:
    """Return a checkpoint whose pickle another program wrote."""
    return archive(**{'data.pkl': pickle.dumps({'params': Payload(marker)}, protocol), 'version': b'3\n'})


# Name -> function of the folder that the payload would make. Each runs code if it is unpickled as plain pickles are.
PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    'object': lambda marker: saved(Payload(marker)),
    'in_a_state': lambda marker: saved({'params': {**state(), 'bias': Payload(marker)}}),
    'as_a_key': lambda marker: saved({'params': {(Payload(marker),): torch.zeros(1)}}),
    'in_a_list': lambda marker: saved({'params': state(), 'notes': [[[Payload(marker)]]]}),
    'in_an_ordered_dict': lambda marker: saved(OrderedDict(params=Payload(marker))),
    'old_format': lambda marker: saved({'params': Payload(marker)}, _use_new_zipfile_serialization=False),
    'plain_pickle': lambda marker: pickle.dumps({'params': Payload(marker)}),
    'pickle_of_protocol_0': lambda marker: pickle.dumps(Payload(marker), protocol=0),
    'pickle_of_protocol_5': lambda marker: with_pickle(marker, 5),
    'pickle_of_protocol_2': lambda marker: with_pickle(marker, 2),
    'two_pickles': lambda marker: pickle.dumps({'params': {}}) + pickle.dumps(Payload(marker)),
    'eval': lambda marker: b'cbuiltins\neval\n(V__import__("os").mkdir("' + str(marker).encode() + b'")\ntR.',
    'array_of_objects': lambda marker: saved({'params': np.array([Payload(marker)], object)}),
    'module_with_payload': lambda marker: saved(_with_attribute(nn.Linear(2, 2), Payload(marker))),
    'parameter_with_payload': lambda marker: saved(
        {'params': _with_attribute(nn.Parameter(torch.zeros(2)), Payload(marker))}
    ),
}
DAMAGED: dict[str, Callable[[], bytes]] = {
    'empty': lambda: b'',
    'text': lambda: b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
    'page': lambda: b'<!DOCTYPE html><html>sign in</html>',
    'image': lambda: ib.encoded('PNG'),
    'half': lambda: saved({'params': state()})[:600],
    'last_byte_gone': lambda: saved({'params': state()})[:-1],
    'half_of_the_old_format': lambda: saved({'params': state()}, _use_new_zipfile_serialization=False)[:300],
    'start_gone': lambda: saved({'params': state()})[100:],
    'zeros_at_the_end': lambda: saved({'params': state()})[:700] + bytes(600),
    'archive_of_other_things': lambda: archive(readme=b'hello'),
    'archive_without_values': lambda: archive(**{'data.pkl': pickle.dumps({'params': {}}, 2)[:-3]}),
    'scripted_network': lambda: scripted(nn.Linear(2, 2)),
    'whole_network': lambda: saved(nn.Linear(2, 2)),
    'number_of_numpy': lambda: saved({'params': np.float64(3)}),
    'deeply_nested': lambda: b'\x80\x02' + b'(' * 200_000 + b't' * 200_000 + b'.',
    'huge_string': lambda: b'\x80\x04\x8d' + (2**62).to_bytes(8, 'little') + b'x.',
    'huge_text_in_the_old_way': lambda: b'\x80\x02X\xff\xff\xff\x7fx.',
}
# Readable, but no checkpoint of the network.
FOREIGN: dict[str, Any] = {
    'nothing': None,
    'number': 7,
    'list': [1, 2],
    'tensor': torch.zeros(3),
    'empty_mapping': {},
    'empty_state': {'params': {}},
    'no_mapping': {'params': [1, 2]},
    'texts': {'params': {'weight': 'a', 'bias': 'b'}},
    'numbers': {'params': {'weight': 1, 'bias': 2}},
    'numbered': {'params': {0: torch.zeros(2), 1: torch.zeros(2)}},
    'other_shapes': {'params': {'weight': torch.zeros(3, 3), 'bias': torch.zeros(3)}},
    'other_names': {'params': {'kernel': torch.zeros(2, 2), 'offset': torch.zeros(2)}},
    'one_missing': {'params': {'weight': torch.zeros(2, 2)}},
}


def _with_attribute(thing: Any, value: Any) -> Any:
    thing.extra = value
    return thing


def load_pretrained(path: Path) -> None:
    HCLModel.load_network(HCLModel.__new__(HCLModel), nn.Linear(2, 2), str(path))


def load_resumed(path: Path) -> None:
    folders = {'training_states': str(path.parent), 'models': str(path.parent)}
    pipeline.load_resume_state({'auto_resume': False, 'path': {'resume_state': str(path), **folders}})


def load_detector(path: Path) -> None:
    DetectThenRestore(detector=nn.Linear(2, 2), restorer=nn.Linear(2, 2), detector_weights=str(path))


def load_metric(path: Path) -> None:
    PretrainedWeights('a line', 'https://example.org/line-0123abcd.pth', 'calculate_line').fill(
        nn.Linear(2, 2), str(path)
    )


def load_converted(path: Path) -> None:
    convert_file(path, path.with_name('out.pth'))


# Every way in but those of large networks, which are below -> its error.
WAYS: dict[str, tuple[Callable[[Path], None], type[Exception]]] = {
    'resume_state': (load_resumed, CheckpointError),
    'pretrain_network': (load_pretrained, CheckpointError),
    'detector_weights': (load_detector, ValueError),
    'metric_weights': (load_metric, ValueError),
    'convert': (load_converted, ConvertError),
}


@pytest.fixture(autouse=True)
def _any_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of a training are looked at before its state; here only the state counts."""
    monkeypatch.setattr(pipeline, 'check_options', lambda *_, **__: None)


def refuse(way: str, path: Path) -> str:
    """Return the message with which a way in refuses a file."""
    load, error = WAYS[way]
    before = sorted(path.parent.iterdir())
    with time_limit(), pytest.raises(error) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert sorted(path.parent.iterdir()) == before  # nothing written, half or whole
    return str(caught.value)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('kind', PAYLOADS)
def test_payload(kind: str, way: str, tmp_path: Path) -> None:
    path, marker = tmp_path / 'evil.state', tmp_path / 'made'
    path.write_bytes(PAYLOADS[kind](marker))
    refuse(way, path)
    assert not marker.exists()


@pytest.mark.parametrize('kind', PAYLOADS)
def test_every_payload_would_work(kind: str, tmp_path: Path) -> None:
    """So that the tests above cannot pass because a payload is broken."""
    marker = tmp_path / 'made'
    content = PAYLOADS[kind](marker)
    try:
        torch.load(io.BytesIO(content), weights_only=False)
    except Exception:  # a plain pickle or two of them: not of torch's form, but of pickle's
        for _ in range(2):
            file = io.BytesIO(content)
            while not marker.exists() and file.tell() < len(content):
                pickle.load(file)
    assert marker.exists()


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('kind', DAMAGED)
def test_damaged(kind: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / 'damaged.state'
    path.write_bytes(DAMAGED[kind]())
    refuse(way, path)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('kind', FOREIGN)
def test_foreign(kind: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / 'foreign.state'
    torch.save(FOREIGN[kind], path)
    refuse(way, path)


NO_FILES: dict[str, Callable[[Path], Any]] = {
    'missing': lambda path: None,
    'folder': lambda path: path.mkdir(),
    'pipe': lambda path: os.mkfifo(path),
    'device': lambda path: path.symlink_to('/dev/zero'),
    'link_to_nothing': lambda path: path.symlink_to('lost.pth'),
}


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the kinds of files of POSIX')
@pytest.mark.parametrize('kind', NO_FILES)
@pytest.mark.parametrize('way', WAYS)
def test_no_file(kind: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / 'x.state'
    NO_FILES[kind](path)
    error = {'detector_weights': FileNotFoundError, 'metric_weights': FileNotFoundError}.get(way, WAYS[way][1])
    with time_limit(), pytest.raises(error, match='x.state'):
        WAYS[way][0](path)
    with time_limit(), pytest.raises(OSError, match='x.state'):
        load_checkpoint(path)


LARGE: dict[str, Callable[[Path], Any]] = {
    'vgg': lambda path: HCLPerceptualLoss(layer_weights={'relu1_1': 1.0}, weights=str(path)),
    'lpips': lambda path: calculate_hcl_lpips(*2 * [np.zeros((64, 64, 3), np.uint8)], weights=str(path)),
    'fid': lambda path: HCLFID(weights=str(path)),
}


@pytest.mark.parametrize('way', LARGE)
def test_payload_for_a_large_network(way: str, tmp_path: Path) -> None:
    path, marker = tmp_path / 'evil.pth', tmp_path / 'made'
    for kind in ('in_a_state', 'old_format', 'plain_pickle'):
        path.write_bytes(PAYLOADS[kind](marker))
        with time_limit(60), pytest.raises((ValueError, RuntimeError, pickle.UnpicklingError)):
            LARGE[way](path)
        assert not marker.exists()


def test_error_says_what_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    path.write_bytes(PAYLOADS['in_a_state'](tmp_path / 'made'))
    with pytest.raises(CheckpointFileError, match=r'holds a Python object \((posix|nt)\.mkdir\).*let its maker') as e:
        load_checkpoint(path)
    assert e.value.holds_code
    path.write_bytes(b'text')
    with pytest.raises(CheckpointFileError, match='checkpoint of torch.save') as e:
        load_checkpoint(path)
    assert not e.value.holds_code
