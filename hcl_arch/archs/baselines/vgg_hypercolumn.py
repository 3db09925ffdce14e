"""Hypercolumns of a frozen VGG-19: an image with its features of all scales, as the input of SIRF and DHAN."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv
from hcl_arch.archs.baselines.corner_resize import corner_resize
from hcl_arch.utils.argument_checks import check_at_least
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint

RANDOM_WEIGHTS = 'random'
VGG_DIMS = (64, 128, 256, 512, 512)
# Of each group, up to the last one that is used; of the last group two.
_CONVS = (2, 2, 4, 4, 2)
# Means of the images that the VGG of the methods was trained on, RGB of 0 to 255.
_MEANS = (123.68, 116.779, 103.939)
# Deviations, RGB of 0 to 1, that torchvision divides by.
_TORCHVISION_STD = (0.229, 0.224, 0.225)
_HOW_TO_GET_WEIGHTS = 'name the file vgg19-dcbb9e9d.pth (the VGG-19 of torchvision, IMAGENET1K_V1)'


class FrozenVGG19(nn.Module):
    """Frozen VGG-19 up to conv5_2 (Simonyan and Zisserman 2015), with average instead of maximum pooling.

    Its maps are conv1_2, conv2_2, conv3_2, conv4_2 and conv5_2, after ReLU. Checkpoints include it, so they do not need
    the file.

    Differs from the methods' programs: they use the network's first release, trained on images of 0 to 255. A
    torchvision file comes from another training. Its features are scaled by one common factor, as if it had been
    trained on such images. This is closest to the features for which the methods' divisors were chosen.

    Args:
        weights: A file of torchvision's VGG-19; ``random`` for tests without one; None leaves the weights to a
            checkpoint that is loaded afterwards.
        dims: Widths of the five groups of convolutions.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not fit.
    """

    means: Tensor

    def __init__(self, weights: Optional[str] = None, *, dims: Sequence[int] = VGG_DIMS) -> None:
        super().__init__()
        self.dims = tuple(dims)
        self.register_buffer('means', torch.tensor(_MEANS)[:, None, None], persistent=False)
        widths = [3] + [dim for dim, n_convs in zip(dims, _CONVS) for _ in range(n_convs)]
        self.convs = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in zip(widths, widths[1:]))
        self.requires_grad_(False)
        self._has_weights = weights is not None
        if weights is None:
            self._mark_as_empty()
        elif weights == RANDOM_WEIGHTS:
            logging.getLogger('basicsr').warning('The frozen VGG-19 has RANDOM weights: for tests only.')
            for conv in self._convs():
                nn.init.kaiming_normal_(conv.weight)
        else:
            _load_torchvision(self._convs(), weights)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].

        Returns:
            Five maps (B, dims[i], h, w), fine to coarse, h and w being H / 2^i and W / 2^i, rounded up.

        Raises:
            ValueError: If the network has no weights.
        """
        self._check_weights()
        x = self.centred(image)
        maps = []
        convs = iter(self.convs)
        for group, n_convs in enumerate(_CONVS):
            if group:
                x = F.avg_pool2d(x, 2, ceil_mode=True)
            for number in range(n_convs):
                x = F.relu(next(convs)(x))
                if number == 1:
                    maps.append(x)
        return maps

    def centred(self, image: Tensor) -> Tensor:
        """What the first convolution sees: 255 x - means, of images (B, 3, H, W) RGB in [0, 1]."""
        return 255 * image - self.means.to(image.dtype)

    def _convs(self) -> list[nn.Conv2d]:
        return [conv for conv in self.convs if isinstance(conv, nn.Conv2d)]

    def _mark_as_empty(self) -> None:
        for parameter in self.parameters():
            nn.init.constant_(parameter, math.nan)

    def _check_weights(self) -> None:
        # Looked at until weights are found: whatever loads them, it need not tell this module.
        if not self._has_weights:
            if bool(self._convs()[0].weight.isnan().any()):
                raise ValueError(
                    f'vgg_weights: the frozen VGG-19 has no weights: {_HOW_TO_GET_WEIGHTS}, or load a checkpoint of '
                    'the whole network.'
                )
            self._has_weights = True


class HypercolumnConv(AdaptiveConv):
    """The first layer: a 1x1 :class:`AdaptiveConv` of [conv5_2, conv4_2, conv3_2, conv2_2, conv1_2, image].

    The maps are divided by 255 and resized to the image by :func:`corner_resize`. This resizing commutes with a 1x1
    convolution. So each map is convolved at its own size, and the results are resized and added. Only ``dim`` channels
    of the image's size are needed instead of the whole hypercolumn.

    Args:
        vgg_dims: See :class:`FrozenVGG19`.
        dim: Channels of the output.
    """

    def __init__(self, vgg_dims: Sequence[int], dim: int) -> None:
        super().__init__(sum(vgg_dims) + 3, dim, 1)
        self.parts = [*reversed(vgg_dims), 3]

    def forward_maps(self, maps: Sequence[Tensor], image: Tensor) -> Tensor:
        """Maps of :class:`FrozenVGG19` and the image (B, 3, H, W) that they are of -> (B, dim, H, W)."""
        *kernels, image_kernel = self.conv.weight.split(self.parts, dim=1)
        x = F.conv2d(image, image_kernel)
        for features, kernel in zip(reversed(maps), kernels):
            x = x + corner_resize(F.conv2d(features / 255, kernel), image.shape[-2], image.shape[-1])
        return self.activate(x)


def check_vgg_dims(vgg_dims: Sequence[int]) -> None:
    """Raise ValueError unless there are as many widths as groups of convolutions, all at least 1."""
    check_at_least(1, vgg_dims=vgg_dims)
    if len(vgg_dims) != len(_CONVS):
        raise ValueError(f'vgg_dims: expects {len(_CONVS)} widths, got {list(vgg_dims)}.')


def _load_torchvision(convs: Sequence[nn.Conv2d], path: str) -> None:
    """Fill the convolutions from torchvision's, whose input is (x - mean) / std for x in [0, 1].

    With s = 255 * mean(std), kernels of the first times s / (255 std) and all biases times s make every map s times
    torchvision's, as ReLU(s x) = s ReLU(x).
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'vgg_weights: there is no file {path}: {_HOW_TO_GET_WEIGHTS}.')
    try:
        found: Any = load_checkpoint(path)
    except CheckpointFileError as error:
        raise ValueError(f'vgg_weights: {path}: {error}; {_HOW_TO_GET_WEIGHTS}.') from error
    weights = _convolutions(found)[: len(convs)]
    if [tuple(weight.shape) for weight, _ in weights] != [tuple(conv.weight.shape) for conv in convs]:
        raise ValueError(f'vgg_weights: {path} is no VGG-19: {_HOW_TO_GET_WEIGHTS}.')
    std = torch.tensor(_TORCHVISION_STD)
    scale = 255 * float(std.mean())
    with torch.no_grad():
        for index, (conv, (weight, bias)) in enumerate(zip(convs, weights)):
            conv.weight.copy_(weight * (std.mean() / std)[:, None, None] if index == 0 else weight)
            assert conv.bias is not None
            conv.bias.copy_(bias * scale)


def _convolutions(state: object) -> list[tuple[Tensor, Tensor]]:
    """Kernels and biases ``features.N`` of a state dict, by rising N."""
    entries: Mapping[Any, Any] = state if isinstance(state, Mapping) else {}
    numbers = sorted(
        int(name.split('.')[1])
        for name in entries
        if isinstance(name, str) and name.startswith('features.') and name.endswith('.weight')
    )
    return [(entries[f'features.{number}.weight'], entries[f'features.{number}.bias']) for number in numbers]
