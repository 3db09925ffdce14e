"""Loading the model that the options name, and the list of named models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Protocol, Union

from numpy.typing import NDArray

from hcl_arch.commands.restore.console import Progress
from hcl_arch.commands.restore.options import Options
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding
from hcl_arch.utils.runtime import choose_runtime


class ImageRestorer(Protocol):
    """The part of `hcl_arch.restoration.restorer.Restorer` that the command uses."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def min_score(self) -> float:
        """Least score of pictures to repair, unless another one is given."""

    def find(
        self,
        image: NDArray[Any],
        *,
        threshold: float = 0.5,
        grow: int = 0,
        min_score: float = 0.0,
        exclude: Optional[NDArray[Any]] = None,
        progress: Optional[Progress] = None,
    ) -> Finding:
        """Find what is corrupted in an image."""

    def restore(
        self,
        image: NDArray[Any],
        *,
        mask: Optional[Union[NDArray[Any], str]] = None,
        threshold: float = 0.5,
        grow: int = 0,
        min_score: float = 0.0,
        composite: bool = True,
        reverse: bool = False,
        erase: bool = False,
        feather: Optional[int] = None,
        exclude: Optional[NDArray[Any]] = None,
        repair_pixelated: bool = False,
        progress: Optional[Progress] = None,
    ) -> Restoration:
        """Find what is corrupted in an image and repair it."""


def make_restorer(options: Options) -> ImageRestorer:
    """Load the model that the options name.

    Raises:
        ValueError, OSError: It does not exist or cannot be used.
    """
    from hcl_arch.restoration.restorer import Restorer

    settings: dict[str, Any] = {
        'runtime': options.runtime,
        'device': options.device,
        'precision': options.precision,
        'threads': options.threads,
        'memory': options.memory,
        'detect_side': options.detect_side,
        'filler': options.filler,
    }
    if options.model_options is None or choose_runtime(options.runtime) == 'onnx':
        return Restorer(options.model, **settings)
    from hcl_arch.model_files import load_model
    from hcl_arch.model_files.trained_parts import check_trained_parts

    check_trained_parts(options.model, Path(options.model_options))
    loaded = load_model(options.model, options=Path(options.model_options))
    settings['detect_side'] = options.detect_side or loaded.info.get('detect_side')
    restorer = Restorer(loaded.network, **settings)
    restorer.name = loaded.name
    return restorer


def model_lines() -> list[str]:
    """Return a line for each named model, and then for each named filler."""
    from hcl_arch.model_files import list_models, model_line, user_folder
    from hcl_arch.restoration.fillers import OPENCV, filler_files, filler_names

    lines = [model_line(entry) for entry in list_models()]
    lines = lines or [f'No models. Put .safetensors files into {user_folder()}, or give a file to --model.']
    lines += [f'{name}  --filler  of {"OpenCV" if name in OPENCV else "pypatchmatch"}' for name in filler_names()]
    return lines + [f'{name}  --filler  {path}' for name, path in filler_files()]
