"""What fills holes in the place of the model's own restorer: OpenCV, PatchMatch, another project's network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Union

import cv2
import numpy as np

from hcl_arch.restoration import patch_match
from hcl_arch.restoration.painting import Painter
from hcl_arch.restoration.whole_picture_filler import WholePictureFiller
from hcl_arch.utils.errors import HCLError

OPENCV: Mapping[str, int] = {'opencv-telea': cv2.INPAINT_TELEA, 'opencv-ns': cv2.INPAINT_NS}
"""Fillers that are always there, and OpenCV's numbers for them."""

PATCHMATCH = patch_match.PatchMatchFiller.name
"""The filler of the package pypatchmatch, where that is installed."""

FOLDER_VARIABLE = 'HCL_FILLERS'
# Pixels around a point from which OpenCV takes its colour.
_RADIUS = 3
# What IOPaint keeps among the downloads of torch.hub.
_IN_HUB = ('big-lama.pt', 'Places_512_FullData_G.pth')
# What may hold a network: see `hcl_arch.archs.spandrel_network_arch.SUFFIXES`, which needs PyTorch.
_SUFFIXES = ('.pth', '.pt', '.ckpt', '.safetensors')
_COMFYUI = ('~/ComfyUI', '~/comfy/ComfyUI')


class FillerError(HCLError, ValueError):
    """There is no such filler, or its file cannot be used; one line that starts with 'filler:'."""


class FillerFile(NamedTuple):
    """A file that can be named by its stem."""

    name: str
    path: Path


class OpenCVFiller(WholePictureFiller):
    """OpenCV's inpainting, of whole pictures.

    Args:
        method: A key of :data:`OPENCV`.
    """

    _bytes_per_pixel = 40.0  # planes of float32, and what OpenCV notes of each pixel

    def __init__(self, method: str) -> None:
        self.name, self._flag = method, OPENCV[method]

    def _filled(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        mask = hole.astype(np.uint8)
        planes = np.moveaxis((image * 65535).round().astype(np.uint16), 2, 0)
        # One by one, since OpenCV takes only single channels of more than 8 bit.
        filled = [cv2.inpaint(np.ascontiguousarray(plane), mask, _RADIUS, self._flag) for plane in planes]
        return np.stack(filled, axis=2).astype(np.float32) / 65535


def make_filler(filler: Union[str, os.PathLike[str]], device: Any) -> Painter:
    """Make a filler.

    Args:
        filler: A name out of :func:`filler_names`, that of a file that :func:`filler_files` lists, or a file's path.
        device: Where a network computes, a `torch.device` or its name.

    Raises:
        FillerError: If there is no such filler, or its file holds no inpainting network; the message names it.
    """
    if filler in OPENCV:
        return OpenCVFiller(str(filler))
    if filler == PATCHMATCH:
        try:
            return patch_match.PatchMatchFiller()
        except ImportError as error:
            raise FillerError(f'filler: {error}') from error
    path = _path_of(filler)
    try:
        from hcl_arch.restoration.network_filler import NetworkFiller

        return NetworkFiller(path, device)
    except (ImportError, OSError, ValueError) as error:
        if isinstance(error, ImportError) and error.name == 'torch':
            raise FillerError(f'filler: {path} needs PyTorch, which is not installed: pip install torch') from error
        raise FillerError(f'filler: {error}') from error


def _path_of(filler: Union[str, os.PathLike[str]]) -> Path:
    path = Path(filler)
    if path.suffix or path.name != str(filler):
        return path
    files = {file.name: file.path for file in filler_files()}
    if path.name not in files:
        raise FillerError(
            f'filler: there is none of the name {path.name!r}; known: {", ".join([*filler_names(), *files])}. '
            f'For others give a file that ends in {", ".join(_SUFFIXES)}.'
        )
    return files[path.name]


def filler_names() -> list[str]:
    """The fillers that need no file: OpenCV's, and PatchMatch where it is installed."""
    return [*OPENCV, *([PATCHMATCH] if patch_match.is_installed() else [])]


def filler_files() -> list[FillerFile]:
    """The files in $HCL_FILLERS and in the usual places of IOPaint and ComfyUI; of equal names the first."""
    hub = Path(os.environ.get('TORCH_HOME', '~/.cache/torch')).expanduser() / 'hub' / 'checkpoints'
    own = [os.environ[FOLDER_VARIABLE]] if os.environ.get(FOLDER_VARIABLE) else []
    folders = [Path(folder).expanduser() for folder in own]
    folders += [Path(folder).expanduser() / 'models' / 'inpaint' for folder in _COMFYUI]
    paths = [path for folder in folders for path in _weights_in(folder)]
    paths += [hub / name for name in _IN_HUB if (hub / name).is_file()]
    found: dict[str, FillerFile] = {}
    for path in paths:
        found.setdefault(path.stem, FillerFile(path.stem, path))
    return list(found.values())


def _weights_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    except OSError:  # it does not exist or is not readable
        return []
