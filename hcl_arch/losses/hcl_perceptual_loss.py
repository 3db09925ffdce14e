"""BasicSR's perceptual loss, with a choice of the VGG weights, and with features of the truth computed once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import torch
import torchvision
from basicsr.archs import vgg_arch
from basicsr.losses.basic_loss import PerceptualLoss
from basicsr.utils import get_root_logger
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.layers.portions import checkpointed
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint

RANDOM_WEIGHTS = 'random'
_HOW_TO_GET_WEIGHTS = (
    'Download vgg19-dcbb9e9d.pth (the VGG-19 of torchvision, IMAGENET1K_V1) on a machine with a network and name the '
    'file in the option `weights`, or put it at {path}; `weights: random` is for tests only.'
)


@LOSS_REGISTRY.register()
class HCLPerceptualLoss(nn.Module):
    """Weighted mean absolute difference of VGG-19 features (Eq. 11), computed by BasicSR's ``PerceptualLoss``.

    Args:
        layer_weights: Weight of each layer, e.g. ``{relu2_2: 1.0, relu3_2: 1.0}``.
        loss_weight: Weight of their sum.
        weights: A local file of VGG weights; ``random`` for tests without one; by default BasicSR's search: its
            ``experiments/pretrained_models``, torch's cache, then a download.
        vgg_type: Which VGG, in BasicSR's spelling.
        use_input_norm: Whether images are normalised with ImageNet's mean and standard deviation before the VGG.
        use_checkpoint: Whether the backward pass recomputes the image's features instead of storing them.

    Raises:
        FileNotFoundError: If the named file does not exist, or none is named and none can be found or downloaded.
    """

    def __init__(
        self,
        *,
        layer_weights: Mapping[str, float],
        loss_weight: float = 1.0,
        weights: Optional[str] = None,
        vgg_type: str = 'vgg19',
        use_input_norm: bool = True,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.use_checkpoint = use_checkpoint
        with _vgg_weights(weights):
            self.loss = PerceptualLoss(
                layer_weights=dict(layer_weights),
                vgg_type=vgg_type,
                use_input_norm=use_input_norm,
                range_norm=False,
                perceptual_weight=loss_weight,
                style_weight=0.0,
                criterion='l1',
            )
        self.loss.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, truth: Tensor) -> tuple[Tensor, Optional[Tensor]]:
        """Compare images.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            truth: (B, 3, H, W) RGB in [0, 1]; its features are computed without graph.

        Returns:
            The weighted perceptual loss, a scalar, and None in the place of BasicSR's style loss.
        """
        return self.distance(image, self.truth_features(truth)), None

    @torch.no_grad()
    def truth_features(self, truth: Tensor) -> dict[str, Tensor]:
        """Features of a clean image, without graph, to compare several images with.

        Args:
            truth: (B, 3, H, W) RGB in [0, 1].

        Returns:
            Layer -> (B, C, h, w).
        """
        return self.features(truth)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """The VGG's features of the layers, with graph.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].

        Returns:
            Layer -> (B, C, h, w).
        """
        return self.loss.vgg(image)

    def distance(self, image: Tensor, truth_features: Mapping[str, Tensor]) -> Tensor:
        """The weighted loss of an image against features of the truth; distances are float32 under autocast too.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            truth_features: See :meth:`truth_features`.

        Returns:
            A scalar.
        """
        return checkpointed(self._distance, image, truth_features, enabled=self.use_checkpoint)

    def _distance(self, image: Tensor, truth_features: Mapping[str, Tensor]) -> Tensor:
        features = self.features(image)
        distances = [
            weight * self.loss.criterion(features[layer].float(), truth_features[layer].float())
            for layer, weight in self.loss.layer_weights.items()
        ]
        return self.loss.perceptual_weight * torch.stack(distances).sum()


@contextlib.contextmanager
def _vgg_weights(weights: Optional[str]) -> Iterator[None]:
    """Make BasicSR's VGG extractor take its weights from ``weights`` while it is built."""
    saved_path, saved_vgg = vgg_arch.VGG_PRETRAIN_PATH, vgg_arch.vgg
    try:
        if weights == RANDOM_WEIGHTS:
            get_root_logger().warning('The perceptual loss uses RANDOM VGG weights: for tests only.')
            vgg_arch.VGG_PRETRAIN_PATH = ''
            vgg_arch.vgg = SimpleNamespace(**{name: _random_vgg(name) for name in ('vgg16', 'vgg19')})
        elif weights is not None:
            if not Path(weights).is_file():
                how = _HOW_TO_GET_WEIGHTS.format(path=saved_path)
                raise FileNotFoundError(f'No VGG weights at {weights} (option `weights` of HCLPerceptualLoss). {how}')
            try:
                load_checkpoint(weights)  # BasicSR's own loading would not say which file it is that it cannot load
            except CheckpointFileError as error:
                raise ValueError(f'{weights} (option `weights` of HCLPerceptualLoss): {error}') from error
            vgg_arch.VGG_PRETRAIN_PATH = weights
        try:
            yield
        except OSError as error:  # urllib's errors, when the download has no network
            how = _HOW_TO_GET_WEIGHTS.format(path=saved_path)
            raise FileNotFoundError(f'The VGG weights could not be had ({error}). {how}') from error
    finally:
        vgg_arch.VGG_PRETRAIN_PATH, vgg_arch.vgg = saved_path, saved_vgg


def _random_vgg(name: str):  # type: ignore[no-untyped-def]  # stands in for torchvision's untyped constructors
    configuration = {'vgg16': 'D', 'vgg19': 'E'}[name]

    def build(**_: object) -> SimpleNamespace:
        # Only the convolutions: the classifier that BasicSR throws away holds most of a VGG's memory.
        layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[configuration])
        for module in layers:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
        return SimpleNamespace(features=layers)

    return build
