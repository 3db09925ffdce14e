from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from types import ModuleType
from typing import Any, Optional
from urllib.error import URLError

import pytest
import torch
from torch import nn

from hcl_arch.metrics import pretrained_weights
from hcl_arch.metrics.pretrained_weights import PretrainedWeights, draw_weights, replaced

PUBLISHED = PretrainedWeights('TinyNet', 'https://example.org/files/tiny-0123abcd.pth', 'calculate_tiny')


def tiny_net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """An empty working folder and an empty cache, and downloads that find no network."""

    def no_network(*_: object) -> None:
        raise URLError('no network here')

    (tmp_path / 'work').mkdir()
    monkeypatch.chdir(tmp_path / 'work')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    return {'basicsr': tmp_path / 'work/experiments/pretrained_models', 'cache': tmp_path / 'hub/checkpoints'}


def save_tiny(path: Path, seed: int) -> dict[str, torch.Tensor]:
    path.parent.mkdir(parents=True, exist_ok=True)
    net = tiny_net()
    draw_weights(net, torch.Generator().manual_seed(seed))
    torch.save(net.state_dict(), path)
    return net.state_dict()


def holds(net: nn.Module, state: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_named_file_comes_before_basicsrs_folder_before_the_cache(places: dict[str, Path], tmp_path: Path) -> None:
    named = save_tiny(tmp_path / 'mine.pth', 1)
    in_basicsr = save_tiny(places['basicsr'] / 'tiny-0123abcd.pth', 2)
    in_cache = save_tiny(places['cache'] / 'tiny-0123abcd.pth', 3)
    net = tiny_net()
    PUBLISHED.fill(net, str(tmp_path / 'mine.pth'))
    assert holds(net, named)
    PUBLISHED.fill(net, None)
    assert holds(net, in_basicsr)
    (places['basicsr'] / 'tiny-0123abcd.pth').unlink()
    PUBLISHED.fill(net, None)
    assert holds(net, in_cache)


def test_download_goes_to_the_cache_and_is_checked(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(url: str, path: str, hash_prefix: Optional[str]) -> None:
        calls.append((url, path, hash_prefix))
        save_tiny(Path(path), 4)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    net = tiny_net()
    PUBLISHED.fill(net, None)
    PUBLISHED.fill(net, None)
    assert calls == [(PUBLISHED.url, str(places['cache'] / 'tiny-0123abcd.pth'), '0123abcd')]
    assert holds(net, save_tiny(places['cache'] / 'again.pth', 4))


def test_torchs_download_takes_the_hash_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch's own function, on a file: URL; the published name ends with the first digits of the SHA-256.
    save_tiny(tmp_path / 'source.pth', 5)
    digest = hashlib.sha256((tmp_path / 'source.pth').read_bytes()).hexdigest()[:8]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    for name in (f'tiny-{digest}.pth', 'tiny-00000000.pth'):
        (tmp_path / name).write_bytes((tmp_path / 'source.pth').read_bytes())
    PretrainedWeights('TinyNet', (tmp_path / f'tiny-{digest}.pth').as_uri(), 'm').fill(tiny_net(), None)
    with pytest.raises(FileNotFoundError, match='could not be had .*invalid hash value'):
        PretrainedWeights('TinyNet', (tmp_path / 'tiny-00000000.pth').as_uri(), 'm').fill(tiny_net(), None)
    assert [path.name for path in (tmp_path / 'hub/checkpoints').iterdir()] == [f'tiny-{digest}.pth']


def test_without_a_network_it_says_what_to_do(places: dict[str, Path]) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        PUBLISHED.fill(tiny_net(), None)
    message = str(caught.value)
    assert (
        'weights of TinyNet, which calculate_tiny needs, could not be had (<urlopen error no network here>)' in message
    )
    assert f'Download tiny-0123abcd.pth from {PUBLISHED.url}' in message
    assert f'`weights` of calculate_tiny, or put it in {places["basicsr"]} or {places["cache"]};' in message
    assert isinstance(caught.value.__cause__, URLError)


def test_missing_file(places: dict[str, Path], tmp_path: Path) -> None:
    save_tiny(places['cache'] / 'tiny-0123abcd.pth', 3)  # which must not be taken instead
    message = rf'No weights of TinyNet at {tmp_path}/no.pth \(option `weights` of calculate_tiny\)\. Download tiny-0123'
    with pytest.raises(FileNotFoundError, match=message):
        PUBLISHED.fill(tiny_net(), str(tmp_path / 'no.pth'))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'cannot be read as the weights of TinyNet: not a whole checkpoint'),
        (b'no weights at all', 'cannot be read as the weights of TinyNet: not a checkpoint'),
        ({'0.weight': torch.zeros(4, 3, 3, 3)}, 'does not hold the weights of TinyNet: it lacks 0.bias'),
        ([torch.zeros(1)], 'does not hold the weights of TinyNet: it is no dictionary of tensors'),
        ({'0.weight': 1}, 'does not hold the weights of TinyNet: it is no dictionary of tensors'),
    ],
)
def test_file_of_something_else(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / 'other.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=rf'other\.pth {message}.*Download tiny-0123abcd.pth'):
        PUBLISHED.fill(tiny_net(), str(path))


@pytest.mark.parametrize('is_zip', [True, False])
def test_both_formats_of_torch_whole_and_cut(tmp_path: Path, is_zip: bool) -> None:
    # The files of VGG-16 and of the Inception network were published before torch saved zip archives.
    path, net = tmp_path / 'tiny.pth', tiny_net()
    state = save_tiny(path, 0)
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    PUBLISHED.fill(net, str(path))
    assert holds(net, state)
    whole = path.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match=r'tiny\.pth cannot be read as .*cut short'):
            PUBLISHED.fill(tiny_net(), str(path))


class Evil:
    """Would write a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_file_cannot_run_code(tmp_path: Path) -> None:
    torch.save({'0.weight': Evil(tmp_path / 'written')}, tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='cannot be read as'):
        PUBLISHED.fill(tiny_net(), str(tmp_path / 'evil.pth'))
    assert not (tmp_path / 'written').exists()


@pytest.mark.parametrize('prefix', ['', 'part.'])
def test_entries_must_fit(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / 'tiny.pth'
    good = {f'{prefix}{key}': value for key, value in save_tiny(path, 0).items()}

    def fill(state: dict[str, torch.Tensor]) -> None:
        torch.save(state, path)
        PUBLISHED.fill(tiny_net(), str(path), prefix=prefix)

    fill(good)
    fill({key: value for key, value in good.items() if not key.endswith('num_batches_tracked')})  # as in older files
    misshapen = rf'{prefix}1\.bias has the shape \(5,\), expected \(4,\)'
    with pytest.raises(ValueError, match=misshapen):
        fill({**good, f'{prefix}1.bias': torch.zeros(5)})
    with pytest.raises(ValueError, match=rf'{prefix}2\.weight is not in that network'):
        fill({**good, f'{prefix}2.weight': torch.zeros(1)})
    if prefix:
        fill({**good, 'classifier.weight': torch.zeros(1)})


def test_random_weights_are_the_same_each_time_and_warn(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger('basicsr')  # which does not hand its records on to pytest's handler
    logger.addHandler(caplog.handler)
    state = torch.get_rng_state()
    try:
        nets = [tiny_net(), tiny_net()]
        torch.set_rng_state(state)
        for net in nets:
            PUBLISHED.fill(net, 'random')
    finally:
        logger.removeHandler(caplog.handler)
    assert 'calculate_tiny uses RANDOM weights' in caplog.text
    assert holds(nets[0], nets[1].state_dict())
    assert torch.equal(torch.get_rng_state(), state)
    # Variance 2 / (3 * 3 * 3) of each of 108 weights: the sample's is within a factor of 2.
    assert 1 / 27 < nets[0][0].weight.var().item() < 4 / 27
    assert (nets[0][0].bias == 0).all()


def test_replaced_names_come_back_after_an_error() -> None:
    module = ModuleType('module')
    vars(module).update(a=1, b=2)
    with contextlib.suppress(RuntimeError), replaced(module, a=3):
        assert (module.a, module.b) == (3, 2)
        raise RuntimeError
    assert (module.a, module.b) == (1, 2)


def test_metrics_run_on_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, device in ((True, 'cuda'), (False, 'cpu')):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda available=available: available)
        assert pretrained_weights.metric_device() == torch.device(device)
