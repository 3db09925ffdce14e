"""HCLNet: find the corrupted regions of an image and restore them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Optional, Union, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.blind_restoration import Guidance, check_guidance
from hcl_arch.archs.hcl.decoder import Decoder, UpsampleMode
from hcl_arch.archs.hcl.look_windows import LookWindows
from hcl_arch.archs.hcl.mask_hierarchy import StageMasks
from hcl_arch.archs.hcl.timm_encoder import TimmEncoder
from hcl_arch.archs.hcl_detector_arch import HCLDetector, check_stage_lists
from hcl_arch.archs.image_form import check_image, pad_to_multiple, to_image_range, to_image_size, to_network_range
from hcl_arch.archs.layers.transformer_layer import TransformerLayer
from hcl_arch.archs.layers.weight_init import WeightInit, init_weights
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least, check_choice


class HCLOutput(NamedTuple):
    """All results of HCLNet; images are RGB in [0, 1], masks 1 = uncorrupted, lists run fine to coarse."""

    restored: Tensor
    """(B, 3, H, W), the refined restoration (the coarse one where there is no refiner); not composited."""
    coarse: Tensor
    """(B, 3, H, W), the decoder's restoration."""
    mask: Tensor
    """(B, 1, H, W), the finest stage's predicted mask, 0 or 1."""
    soft_mask: Tensor
    """(B, 1, H, W), the confidence behind it, in [0, 1]."""
    stages: list[StageMasks]
    """Masks, confidences and centres of all stages, on the padded grid (see ``HCLNet.size_multiple``)."""
    embeddings: list[Tensor]
    """Projections of all stages, (B, proj_dim, h, w) on the padded grid, unit length along the channels."""
    center_logits: Tensor
    """(B, 2), the classifier's logits for the coarsest stage's uncorrupted and corrupted centre."""
    pixel_logits: Tensor
    """(B, 1, h, w), the classifier's logits for the coarsest stage's pixels, on the padded grid."""
    mask_logits: list[Tensor]
    """Logits of all stages' pixels, (B, 1, h, w) on the padded grid; empty unless the masks are made from pixels."""
    windows: Optional[LookWindows] = None
    """Where the detector's last look was taken, which all masks but the coarser looks' logits are of; None = whole."""

    @property
    def stage_masks(self) -> list[Tensor]:
        """Predicted masks of the stages, 0 or 1, (B, 1, h, w) on the padded grid."""
        return [stage.mask for stage in self.stages]

    @property
    def stage_soft_masks(self) -> list[Tensor]:
        """Confidences of the stages, in [0, 1], (B, 1, h, w) on the padded grid."""
        return [stage.soft_mask for stage in self.stages]


@ARCHS.register()
class HCLNet(nn.Module):
    """Blind image restoration: detector, bottleneck, mask-guided decoder and refiner (Section 3, Fig. 2).

    ``net(lq)`` returns the restored image, as a ``network_g`` of any BasicSR model must.
    ``net(lq, return_all=True, ...)`` returns an :class:`HCLOutput`. Bottleneck and decoder take widths, heads, window
    size and checkpointing from the detector.

    Args:
        detector: An :class:`HCLDetector`, or its options; by default one is built from ``detector_options``.
        decoder_depths: Number of Swin blocks of each decoder stage, fine to coarse.
        bottleneck_depth: Number of Swin blocks of the bottleneck.
        bottleneck_window_size: Side of the bottleneck's attention windows in pixels.
        upsample_mode: How the decoder's conv stages upsample (the released weights differ).
        refiner: A network, or options with a registered ``type``, from the coarse image and its mask (B, 4, H, W) in
            [0, 1] to the restored image (B, 3, H, W) in [0, 1]; none by default.
        refiner_sees_mask: If False, the refiner gets the image only, (B, 3, H, W).
        weight_init: Initial values of convolutions and linear layers: ``normal`` (deviation 0.02, biases 0) as in the
            authors' program, or ``torch`` for PyTorch's defaults. The refiner has its own option.
        detector_options: Arguments of :class:`HCLDetector`, as option files give them.

    >>> net = HCLNet(dim=4, encoder_depths=[1, 1, 1], decoder_depths=[1, 1, 1], window_size=4, bottleneck_window_size=4)
    >>> net(torch.rand(1, 3, 40, 50)).shape
    torch.Size([1, 3, 40, 50])
    >>> net(torch.rand(1, 3, 40, 50), return_all=True).mask.shape
    torch.Size([1, 1, 40, 50])

    Raises:
        ValueError: If the stage lists differ in length, a choice is unknown, a number is too small, both a detector and
            detector options are given, or ``weight_init`` would overwrite a pretrained backbone.
        TypeError: If the detector has no such option.
    """

    KEYWORDS_OF: ClassVar[type[nn.Module]] = HCLDetector
    """Whose arguments ``detector_options`` are."""

    def __init__(
        self,
        *,
        detector: Optional[Union[nn.Module, Mapping[str, Any]]] = None,
        decoder_depths: Sequence[int] = (2, 2, 2),
        bottleneck_depth: int = 2,
        bottleneck_window_size: int = 8,
        upsample_mode: UpsampleMode = 'bilinear',
        refiner: Optional[Union[nn.Module, Mapping[str, Any]]] = None,
        refiner_sees_mask: bool = True,
        weight_init: WeightInit = 'torch',
        **detector_options: Any,
    ) -> None:
        super().__init__()
        check_at_least(1, decoder_depths=decoder_depths, bottleneck_depth=bottleneck_depth)
        check_at_least(1, bottleneck_window_size=bottleneck_window_size)
        check_choice('upsample_mode', upsample_mode, get_args(UpsampleMode))
        self.detector = _detector(detector, detector_options)
        check_stage_lists(len(self.detector.widths), decoder_depths=decoder_depths)
        if isinstance(self.detector.encoder, TimmEncoder) and weight_init != 'torch':
            raise ValueError('weight_init: only torch goes with encoder: timm, whose backbone is pretrained.')
        blocks = self.detector.blocks
        windows = self.detector.stride * math.lcm(blocks.window_size, bottleneck_window_size)
        self.size_multiple = math.lcm(windows, self.detector.size_multiple)
        self.bottleneck = TransformerLayer(
            self.detector.widths[-1],
            depth=bottleneck_depth,
            num_heads=blocks.num_heads[-1],
            window_size=bottleneck_window_size,
            use_checkpoint=blocks.use_checkpoint,
        )
        self.decoder = Decoder(
            widths=self.detector.widths,
            depths=decoder_depths,
            num_heads=blocks.num_heads,
            window_size=blocks.window_size,
            n_conv_stages=self.detector.n_conv_stages,
            upsample_mode=upsample_mode,
            use_checkpoint=blocks.use_checkpoint,
        )
        init_weights(self, weight_init)
        self.refiner = ARCHS.build(refiner) if isinstance(refiner, Mapping) else refiner
        self.refiner_sees_mask = refiner_sees_mask
        # As in HCLDetector.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: Guidance = 'predicted',
        reverse: bool = False,
        restore: bool = True,
        generator: Optional[torch.Generator] = None,
    ) -> Union[Tensor, HCLOutput]:
        """Restore images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            return_all: Whether to return an :class:`HCLOutput` instead of the restored image.
            true_mask: (B, 1, H, W), 1 = uncorrupted; wherever given, in evaluation too, it also tells which cluster is
                the uncorrupted one: masks found so are not blind.
            guidance: Whether decoder and refiner are guided by the mask that the network predicts or by ``true_mask``.
            reverse: Keep what the guiding mask calls corrupted and repaint the rest (bidirectional inpainting, Fig. 6).
            restore: False only detects: decoder and refiner do not run, the input stands for the restored images.
            generator: Source of the k-means' starts. Without one they are random in training and the same for every
                image and run in evaluation.

        Returns:
            The restored image, (B, 3, H, W) in [0, 1], or everything.

        Raises:
            ValueError: If the images or the mask have the wrong shape, or guidance by the true mask lacks it.
        """
        height, width = check_image(lq)
        check_guidance(lq, true_mask, guidance)
        if not return_all and self._is_faster_one_by_one(lq):
            masks = [None] * len(lq) if true_mask is None else true_mask.split(1)
            options: dict[str, Any] = {'guidance': guidance, 'reverse': reverse, 'restore': restore}
            return torch.cat([
                self(image, true_mask=mask, generator=generator, **options)
                for image, mask in zip(lq.split(1), masks)
            ])  # fmt: skip
        if true_mask is not None:
            true_mask = pad_to_multiple(true_mask, self.size_multiple)
        image = to_network_range(pad_to_multiple(lq, self.size_multiple))
        detection = self.detector.detect(image, true_mask=true_mask, generator=generator)
        features, stages = list(detection.features), detection.stages
        if not return_all:
            del detection  # and with it the embeddings, as large as a feature map
        restored, coarse = lq, lq
        windows = detection.windows if return_all else None
        if windows is not None:
            height = width = windows.side
        if restore:
            if windows is not None:
                raise ValueError('look_window trains the detector alone: set train.detector_iter to train.total_iter.')
            guide = true_mask if guidance == 'true' else None
            restored, coarse = self._restore(features, stages, guide, reverse, height, width)
        if not return_all:
            return restored
        multiple = self.size_multiple if windows is None else self.detector.look_multiple
        return HCLOutput(
            restored=restored,
            coarse=coarse,
            mask=to_image_size(detection.stages[0].mask, height, width, multiple),
            soft_mask=to_image_size(detection.stages[0].soft_mask, height, width, multiple),
            stages=detection.stages,
            embeddings=detection.embeddings,
            center_logits=detection.center_logits,
            pixel_logits=detection.pixel_logits,
            mask_logits=detection.mask_logits,
            windows=windows,
        )

    def repair(self, lq: Tensor, mask: Tensor, *, reverse: bool = False) -> Tensor:
        """Restore images by given masks, without looking for others: no embeddings, no clusters.

        A stage's pixel counts as corrupted if any of the image's pixels below it is, so that the decoder takes nothing
        for known that is corrupted in part. (``forward`` with ``guidance='true'`` takes one of these pixels for all, as
        training does.)

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            mask: (B, 1, H, W), 1 = uncorrupted, 0 = corrupted.
            reverse: Keep what the mask calls corrupted and repaint the rest.

        Returns:
            The restored image, (B, 3, H, W) in [0, 1]; not composited.

        Raises:
            ValueError: If the images or the mask have the wrong shape.
        """
        height, width = check_image(lq)
        check_guidance(lq, mask, 'true')
        kept = pad_to_multiple(1 - mask if reverse else mask, self.size_multiple)
        image = to_network_range(pad_to_multiple(lq, self.size_multiple))
        features = self._features(image)
        masks = [_kept_cells(kept, stage_features) for stage_features in features]
        coarse = self.decoder(self.bottleneck(features[-1]), features, masks)
        coarse = to_image_range(coarse)[..., :height, :width]
        return self._refine(coarse, kept[..., :height, :width])

    def _features(self, image: Tensor) -> list[Tensor]:
        """The encoder's features; a detector that takes several looks needs all of them."""
        if self.detector.looks > 1:
            return self.detector.detect(image).features
        return self.detector.encoder(image.contiguous(memory_format=torch.channels_last))

    def _is_faster_one_by_one(self, lq: Tensor) -> bool:
        """Whether a batch is too much for a CPU's caches: restoring gives every image the result that it has alone."""
        compiling = torch.compiler.is_compiling()
        return len(lq) > 1 and lq.device.type == 'cpu' and not (self.training or torch.is_grad_enabled() or compiling)

    def _restore(
        self,
        features: list[Tensor],
        stages: list[StageMasks],
        guide: Optional[Tensor],
        reverse: bool,
        height: int,
        width: int,
    ) -> tuple[Tensor, Tensor]:
        """The refined and the coarse image, guided by ``guide`` on the padded grid or by the predicted masks.

        The list of features is emptied.
        """
        finest = stages[0].mask if guide is None else guide
        mask = to_image_size(finest, height, width, self.size_multiple)
        if guide is None and len(stages) == len(features):
            masks = [stage.mask for stage in stages]
        else:
            masks = [_resize(finest, stage_features) for stage_features in features]
        if reverse:
            masks, mask = [1 - stage_mask for stage_mask in masks], 1 - mask
        coarse = self.decoder(self.bottleneck(features[-1]), features, masks)
        coarse = to_image_range(coarse)[..., :height, :width]
        return self._refine(coarse, mask), coarse

    def _refine(self, coarse: Tensor, mask: Tensor) -> Tensor:
        if self.refiner is None:
            return coarse
        # Detached: the refiner's losses shape the refiner alone, the coarse image has its own.
        coarse = coarse.detach()
        return self.refiner(torch.cat([coarse, mask], dim=1) if self.refiner_sees_mask else coarse)


def _detector(detector: Optional[Union[nn.Module, Mapping[str, Any]]], options: Mapping[str, Any]) -> HCLDetector:
    if detector is None:
        return HCLDetector(**options)
    if options:
        raise ValueError(f'detector: is given, so {", ".join(options)} belong into its options.')
    if isinstance(detector, Mapping):
        return HCLDetector(**{key: value for key, value in detector.items() if key != 'type'})
    if not isinstance(detector, HCLDetector):
        raise ValueError(f'detector: expects an HCLDetector or its options, got a {type(detector).__name__}.')
    return detector


def _resize(mask: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(mask, size=like.shape[-2:], mode='nearest')


def _kept_cells(mask: Tensor, like: Tensor) -> Tensor:
    """The mask at a stage's size: 1 where all of a cell's pixels are 1."""
    cell = mask.shape[-1] // like.shape[-1]
    return mask if cell == 1 else 1 - F.max_pool2d(1 - mask, cell)
