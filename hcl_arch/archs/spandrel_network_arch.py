"""Networks of other projects, such as LaMa and MAT, as the library spandrel recognises them from their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor, nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint

INSTALL = "pip install 'hcl_arch[fillers]' (Python 3.10 or later)"
_TORCH_SUFFIXES = ('.pth', '.pt', '.ckpt')
SUFFIXES = (*_TORCH_SUFFIXES, '.safetensors')


@ARCHS.register()
class HCLSpandrelNetwork(nn.Module):
    """A restoration network from a file of another project, with fixed weights; always in evaluation mode.

    Which network it is, spandrel tells from the names and shapes of the file's tensors: of inpainting networks LaMa,
    and with the package spandrel_extra_arches MAT. Such a network takes (B, 4, H, W): an image in [0, 1] and its mask,
    1 = uncorrupted. It serves as the restorer of ``DetectThenRestore`` with its default ``restorer_input``, and as the
    refiner of ``HCLNet``. Other networks that keep an image's size, such as MPRNet, take (B, 3, H, W), which is
    ``restorer_input: [image]``. It computes in float32. Sizes are padded as the network requires.

    MAT draws random numbers from PyTorch's global generator in each call; LaMa always answers the same.

    Args:
        weights: A .pth, .pt, .ckpt or .safetensors file. A .pt file of TorchScript holds a program: take it only from
            a source that you trust.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If spandrel is not installed.
        ValueError: If the file cannot be read, or spandrel knows no network of the kind in it.
    """

    def __init__(self, *, weights: Union[str, os.PathLike[str]]) -> None:
        super().__init__()
        self._descriptor = _recognised(Path(weights))
        self.network: nn.Module = self._descriptor.model.eval().requires_grad_(False)
        self.architecture = str(self._descriptor.architecture.id)
        self.inpaints = self._descriptor.purpose == 'Inpainting'
        requirements = self._descriptor.size_requirements
        self.largest_side = requirements.minimum if requirements.square else None
        self.size_multiple = 1 if requirements.square else requirements.multiple_of

    def train(self, mode: bool = True) -> HCLSpandrelNetwork:
        """Stay in evaluation mode, whatever is asked for: batch statistics of a picture with holes mislead."""
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """Fill the holes of images, or restore images.

        Args:
            x: (B, 4, H, W), RGB in [0, 1] and the mask, 1 = uncorrupted; without the mask if the network takes none.

        Returns:
            (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: If there are other channels, or more pixels on a side than the network can take.
        """
        channels = 4 if self.inpaints else 3
        if x.shape[1] != channels:
            raise ValueError(f'{self.architecture} takes {channels} channels, got {x.shape[1]}: see restorer_input.')
        if self.largest_side is not None and max(x.shape[-2:]) > self.largest_side:
            raise ValueError(
                f'{self.architecture} takes up to {self.largest_side} pixels a side, got {tuple(x.shape)}.'
            )
        with torch.autocast(x.device.type, enabled=False):
            return torch.cat([self._one(image) for image in x.float().split(1)]).to(x.dtype)

    def repair(self, lq: Tensor, mask: Tensor) -> Tensor:
        """Fill the holes of images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W), 1 = uncorrupted.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        return self(torch.cat([lq, mask], dim=1))

    def _one(self, x: Tensor) -> Tensor:
        if not self.inpaints:
            return self._descriptor(x)
        return self._descriptor(x[:, :3], (x[:, 3:] < 0.5).to(x.dtype))


def _recognised(path: Path) -> Any:
    """The network of a file, as spandrel describes it."""
    try:
        import spandrel
    except ImportError as error:
        raise ImportError(f'{path}: networks of other projects need spandrel: {INSTALL}.') from error
    state = _state_of(path)
    try:
        found = spandrel.ModelLoader(registry=_registry()).load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        raise ValueError(f'{path}: spandrel knows no network with tensors of these names, {_some(state)}.') from error
    except Exception as error:  # strict loading and the readers of shapes fail in many ways
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(f"{path}: its tensors do not make a whole network of spandrel's: {reason}") from error
    if found.scale != 1:
        raise ValueError(
            f'{path}: holds {found.architecture.name}, which enlarges images {found.scale} times: expected an '
            'inpainting network, such as LaMa, or one that keeps the size.'
        )
    if hasattr(found.model, 'z'):  # MAT's latent code: drawn when it is built, and in no file
        code = np.random.RandomState(0).randn(*found.model.z.shape)
        found.model.z = torch.from_numpy(code).to(found.model.z)
    return found


def _registry() -> Any:
    """spandrel's architectures and those of its extra package, without entering these into spandrel's own registry."""
    from spandrel import MAIN_REGISTRY

    registry = MAIN_REGISTRY.copy()
    try:
        from spandrel_extra_arches import EXTRA_REGISTRY
    except ImportError:
        return registry
    registry.add(*EXTRA_REGISTRY.architectures(), ignore_duplicates=True)
    return registry


def _state_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by the names that spandrel expects."""
    from spandrel import canonicalize_state_dict

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f'{path}: expected a file of weights that ends in {", ".join(SUFFIXES)}.')
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such file (working directory: {Path.cwd()}).')
    content = _safetensors(path) if path.suffix.lower() == '.safetensors' else _torch_content(path)
    state = canonicalize_state_dict(content) if isinstance(content, dict) else {}
    state = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not state:
        raise ValueError(f'{path}: holds no tensors by names: expected the state dict of a network.')
    # A checkpoint of LaMa's own training also holds the discriminator.
    own = {name: value for name, value in state.items() if name.startswith('generator.')}
    return own or state


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f'{path}: not a whole safetensors file: {error}') from error


def _torch_content(path: Path) -> object:
    if path.suffix.lower() == '.pt':
        try:
            return torch.jit.load(path, map_location='cpu').state_dict()
        except (RuntimeError, ValueError):  # no program of TorchScript
            pass
    try:
        # The copy takes what the network takes, which spandrel knows.
        return load_checkpoint(path, expanded=True)
    except CheckpointFileError as error:
        raise ValueError(f'{path}: {error}.') from error


def _some(state: dict[str, Tensor]) -> str:
    names = sorted(state)
    return f'{", ".join(names[:3])}{" ..." if len(names) > 3 else ""}'
