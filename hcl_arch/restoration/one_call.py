"""Repair a photograph in one call."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from hcl_arch.restoration.image_input import ImageInput
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.stages import Progress
from hcl_arch.restoration.user_mask import MaskInput
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.precision import Precision
from hcl_arch.utils.runtime import Runtime

if TYPE_CHECKING:
    from torch import nn

_last: dict[tuple, Restorer] = {}
_last_lock = threading.Lock()


def restore(
    image: ImageInput,
    *,
    model: Union[str, Path, nn.Module] = 'small',
    runtime: Runtime = 'auto',
    device: str = 'auto',
    precision: Precision = 'fp32',
    filler: Optional[Union[str, Path]] = None,
    mask: Optional[MaskInput] = None,
    mask_polarity: MaskPolarity = 'auto',
    mask_channel: MaskChannel = 'auto',
    threshold: Optional[float] = None,
    grow: float = 0,
    min_score: Optional[float] = None,
    composite: bool = True,
    reverse: bool = False,
    erase: bool = False,
    feather: Optional[float] = None,
    fit_mask: bool = False,
    exclude: Optional[MaskInput] = None,
    repair_pixelated: bool = False,
    progress: Optional[Progress] = None,
) -> Restoration:
    """Find what is corrupted in an image and repair it; see :class:`Restorer` and :meth:`Restorer.restore`.

    The last call's model is kept for the next one, unless a network was given or the model's file has changed.
    """
    restorer = _kept_restorer(model, filler, runtime=runtime, device=device, precision=precision)
    return restorer.restore(
        image,
        mask=mask,
        mask_polarity=mask_polarity,
        mask_channel=mask_channel,
        threshold=threshold,
        grow=grow,
        min_score=min_score,
        composite=composite,
        reverse=reverse,
        erase=erase,
        feather=feather,
        fit_mask=fit_mask,
        exclude=exclude,
        repair_pixelated=repair_pixelated,
        progress=progress,
    )


def _kept_restorer(model: Union[str, Path, nn.Module], filler: Optional[Union[str, Path]], **settings: Any) -> Restorer:
    if not isinstance(model, (str, os.PathLike)):
        return Restorer(model, filler=filler, **settings)
    key = (_version(model), None if filler is None else _version(filler), *settings.values())
    with _last_lock:
        if key not in _last:
            _last.clear()
            _last[key] = Restorer(model, filler=filler, **settings)
        return _last[key]


def _version(file: Union[str, Path]) -> tuple[str, Optional[int]]:
    path = Path(file)
    return str(file), path.stat().st_mtime_ns if path.exists() else None
