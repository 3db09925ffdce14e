"""Inpainting networks of other projects as fillers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Union

import torch

from hcl_arch.archs.spandrel_network_arch import HCLSpandrelNetwork
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.utils.errors import InputError

# How far from known pixels a network of another project fills well; their receptive fields span a picture.
_REACH = 256
# Tiles overlap by three times this: enough for a ramp that nobody sees.
_MULTIPLE = 64


class NetworkFiller(NetworkCalls):
    """A network of another project, on a device, in float32.

    Args:
        path: Its file.
        device: Where it computes.

    Raises:
        ValueError, OSError, ImportError: The file holds no inpainting network, or cannot be read.
    """

    reach = _REACH

    def __init__(self, path: Path, device: Union[torch.device, str]) -> None:
        network = HCLSpandrelNetwork(weights=path)
        if not network.inpaints:
            raise InputError(
                f'{path}: holds {network.architecture}, which takes no mask: expected an inpainting '
                'network, such as LaMa.'
            )
        super().__init__(network, torch.device(device), 'fp32')
        self.name, self.restores = path.stem, True
        self.size_multiple = math.lcm(network.size_multiple, _MULTIPLE)
