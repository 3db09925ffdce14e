"""Find the weights of the metrics' pretrained networks, or say how to get them."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import torch
from basicsr.archs import inception
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint

RANDOM_WEIGHTS = 'random'
_RANDOM_SEED = 0
# Where BasicSR looks for pretrained networks, under the working directory.
_BASICSR_FOLDER = Path(inception.LOCAL_FID_WEIGHTS).parent
# Batch normalisation's counter is not used in evaluation, and older files do not have it.
_COUNTER = 'num_batches_tracked'


@dataclass(frozen=True)
class PretrainedWeights:
    """A published file of weights, and which metric needs it."""

    architecture: str
    """What the file holds, as a user would look for it, e.g. "AlexNet of torchvision"."""
    url: str
    used_by: str
    """The metric, in its registered name, whose option ``weights`` names a local file."""

    def fill(self, network: nn.Module, weights: Optional[str], *, prefix: str = '') -> None:
        """Give a network its weights.

        Args:
            network: The network, or a part of it.
            weights: A local file; ``random`` for tests without one; None for BasicSR's folder
                ``experiments/pretrained_models``, torch's cache, then a download into the latter.
            prefix: What the part's keys begin with in the file, e.g. ``features.``; all others are passed over.

        Raises:
            FileNotFoundError: If the named file does not exist, or none is named and none can be had.
            ValueError: If the file holds something else.
        """
        if weights == RANDOM_WEIGHTS:
            get_root_logger().warning(f'{self.used_by} uses RANDOM weights: for tests only.')
            draw_weights(network, torch.Generator().manual_seed(_RANDOM_SEED))
            return
        path = self._find(weights)
        state = self._read(path)
        part = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
        misfit = _misfit(part, network.state_dict(), prefix)
        if misfit:
            raise ValueError(f'{path} does not hold the weights of {self.architecture}: {misfit}. {self._how()}')
        network.load_state_dict(part, strict=False)

    @property
    def file_name(self) -> str:
        """Name of the published file."""
        return self.url.rsplit('/', 1)[-1]

    def _find(self, weights: Optional[str]) -> Path:
        if weights is not None:
            if not Path(weights).is_file():
                about = f'No weights of {self.architecture} at {weights} (option `weights` of {self.used_by}).'
                raise FileNotFoundError(f'{about} {self._how()}')
            return Path(weights)
        places = [folder / self.file_name for folder in (_BASICSR_FOLDER, _cache_folder())]
        for path in places:
            if path.is_file():
                return path
        try:
            places[-1].parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(self.url, str(places[-1]), self._hash_prefix())
        except (OSError, RuntimeError) as error:  # urllib's errors without a network; a download of the wrong hash
            about = f'The weights of {self.architecture}, which {self.used_by} needs, could not be had ({error}).'
            raise FileNotFoundError(f'{about} {self._how()}') from error
        return places[-1]

    def _read(self, path: Path) -> Mapping[str, Tensor]:
        try:
            state = load_checkpoint(path)
        except (OSError, CheckpointFileError) as error:
            what = f'{path} cannot be read as the weights of {self.architecture}: {error}'
            hint = '' if getattr(error, 'holds_code', False) else ' Is it cut short?'
            raise ValueError(f'{what}.{hint} {self._how()}') from error
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            what = f'{path} does not hold the weights of {self.architecture}'
            raise ValueError(f'{what}: it is no dictionary of tensors. {self._how()}')
        return state

    def _hash_prefix(self) -> Optional[str]:
        """First digits of the file's SHA-256, which torch's convention puts at the end of its name."""
        match = re.search(r'-([a-f0-9]{8,})\.', self.file_name)
        return match.group(1) if match else None

    def _how(self) -> str:
        return (
            f'Download {self.file_name} from {self.url} on a machine with a network and name the file in the option '
            f'`weights` of {self.used_by}, or put it in {_BASICSR_FOLDER.absolute()} or {_cache_folder()}; '
            '`weights: random` is for tests only.'
        )


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw a network's convolutions so that features neither vanish nor explode; leave batch normalisations neutral."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.normal_(std=math.sqrt(2 / fan_in), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()


@contextlib.contextmanager
def replaced(module: ModuleType, **names: Any) -> Iterator[None]:
    """Give names of a module other values for a while."""
    saved = {name: vars(module)[name] for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(saved)


def metric_device() -> torch.device:
    """Where the networks of metrics run: the current GPU, if there is one."""
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def _cache_folder() -> Path:
    return Path(torch.hub.get_dir()) / 'checkpoints'


def _misfit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], prefix: str) -> Optional[str]:
    """Say the first thing in which a file differs from what a network needs, or None."""
    for key, tensor in expected.items():
        if key not in state:
            if not key.endswith(_COUNTER):
                return f'it lacks {prefix}{key}'
        elif state[key].shape != tensor.shape:
            return f'{prefix}{key} has the shape {tuple(state[key].shape)}, expected {tuple(tensor.shape)}'
    unknown = sorted(set(state) - set(expected))
    return f'{prefix}{unknown[0]} is not in that network' if unknown else None
