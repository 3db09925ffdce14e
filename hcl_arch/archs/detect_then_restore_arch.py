"""DetectThenRestore: any detector followed by any restoration network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.blind_restoration import BlindOutput, Guidance, check_guidance
from hcl_arch.archs.hcl_detector_arch import HCLDetector
from hcl_arch.archs.image_form import (
    MapUpsampling,
    binary_mask,
    check_image,
    pad_to_multiple,
    to_image_range,
    to_image_size,
    to_network_range,
)
from hcl_arch.archs.network_parts import build_part, load_part
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.apart import is_apart
from hcl_arch.utils.argument_checks import check_choice

RestorerInput = Literal['image', 'masked_image', 'mask', 'hole', 'confidence']
MaskKind = Literal['binary', 'soft']

# Confidences are kept this far from 0 and 1 before they are made logits.
_CONFIDENCE_MARGIN = 1e-6


@ARCHS.register()
class DetectThenRestore(nn.Module):
    """Blind restoration from two networks: a detector finds the mask, a restorer repaints by it (Table 2).

    ``net(lq)`` restores; ``net(lq, return_all=True, ...)`` returns a :class:`BlindOutput`.

    ``mask_logits`` of the output come from the detector's method ``mask_logits(image)`` if it has one
    (``VCNetMaskPredictor``, ``SegmenterDetector``). For an ``HCLDetector`` with ``mask_from: pixels`` they are the
    logits of all stages. Otherwise they are computed from the confidences. An ``HCLDetector`` with clusters gives
    logits without gradient, so no loss here trains it: load the weights of a trained ``HCLNet`` and freeze it.

    Args:
        detector: A network, or options with a registered ``type``, from images (B, 3, H, W) in [0, 1] to confidences
            (B, 1, H, W) in [0, 1], 1 = uncorrupted.
        restorer: A network, or options with a registered ``type``, that gives (B, 3, H, W) for what ``restorer_input``
            lists.
        restorer_input: Input of the restorer, concatenated along the channels in this order: ``image`` (3 channels),
            ``masked_image`` (3, the image with its holes filled), ``mask`` (1, 1 = uncorrupted), ``hole`` (1 - mask),
            ``confidence`` (1, the detector's, however the mask was grown; of a given mask the mask itself).
        mask_kind: Whether this mask is ``binary`` or ``soft`` (the confidence). With a soft mask, the losses of the
            restoration also reach the detector.
        masked_value: What fills the holes of ``masked_image``, in [0, 1].
        restorer_range: Range of the images that the restorer takes and gives: (0, 1) or (-1, 1); masks stay in [0, 1].
        restorer_multiple: Height and width of the restorer's input are padded to multiples of this by mirroring, and
            the result is cropped.
        grow_in_training: Pixels, [least, most], by which holes are grown on all sides in training, drawn for each
            batch: for a restorer that is used with grown masks.
        composite: Whether the result is mask * image + (1 - mask) * restorer's image, or the restorer's image.
        detect_mirrored: In evaluation, also run the detector on the mirror image and average both logits: a more exact
            mask for twice the detection time.
        detect_enlarged: In evaluation, enlarge images by this factor for the detector: 1, 2 or 4. For small images and
            a detector that was trained on enlarged images, such as that of the packaged model.
        mask_upsampling: How logits on a grid coarser than the image are enlarged: ``nearest``, as in the paper, or
            ``bilinear``, whose borders may run through cells of the grid.
        freeze_detector: Do not train the detector: no gradient, always in evaluation mode.
        freeze_restorer: Do not train the restorer; gradients still pass through it to the detector.
        detector_weights: Initial weights of the detector: a file (.pth, .safetensors) or a model's name. From a whole
            ``HCLNet``, ``VCNet`` or ``DetectThenRestore`` the detector is used.
        detector_param_key: Entry of that file to load; by default ``params_ema`` if it exists, else ``params``.
        restorer_weights: Initial weights of the restorer: a file (.pth, .safetensors) or a model's name. From a whole
            ``DetectThenRestore``, or a ``VCNet`` with ``layers: compact``, the restorer is used.
        restorer_param_key: As ``detector_param_key``.

    Raises:
        ValueError: If an option has an invalid value, or a file of weights does not fit; the message names the option
            and the file.
        FileNotFoundError: If a file of weights does not exist.
    """

    def __init__(
        self,
        detector: Union[nn.Module, Mapping[str, Any]],
        restorer: Union[nn.Module, Mapping[str, Any]],
        *,
        restorer_input: Sequence[RestorerInput] = ('masked_image', 'mask'),
        mask_kind: MaskKind = 'binary',
        masked_value: float = 0.5,
        restorer_range: Sequence[float] = (0, 1),
        restorer_multiple: int = 1,
        grow_in_training: Sequence[int] = (0, 0),
        composite: bool = True,
        detect_mirrored: bool = False,
        detect_enlarged: int = 1,
        mask_upsampling: MapUpsampling = 'nearest',
        freeze_detector: bool = False,
        freeze_restorer: bool = False,
        detector_weights: Optional[str] = None,
        detector_param_key: Optional[str] = None,
        restorer_weights: Optional[str] = None,
        restorer_param_key: Optional[str] = None,
    ) -> None:
        super().__init__()
        _check_restorer_input(restorer_input)
        check_choice('mask_kind', mask_kind, get_args(MaskKind))
        check_choice('mask_upsampling', mask_upsampling, get_args(MapUpsampling))
        if detect_enlarged not in (1, 2, 4):
            raise ValueError(f'detect_enlarged must be 1, 2 or 4, got {detect_enlarged!r}.')
        if not 0 <= masked_value <= 1:
            raise ValueError(f'masked_value must be in [0, 1], got {masked_value}.')
        if tuple(restorer_range) not in ((0, 1), (-1, 1)):
            raise ValueError(f'restorer_range must be [0, 1] or [-1, 1], got {list(restorer_range)}.')
        if len(grow_in_training) != 2 or not 0 <= grow_in_training[0] <= grow_in_training[1]:
            raise ValueError(f'grow_in_training must be [least, most] in pixels, got {list(grow_in_training)}.')
        if restorer_multiple < 1:
            raise ValueError(f'restorer_multiple must be at least 1, got {restorer_multiple}.')
        self.restorer_input = tuple(restorer_input)
        self.takes_confidence = 'confidence' in restorer_input
        self.mask_kind = mask_kind
        self.masked_value = masked_value
        self.restorer_is_signed = restorer_range[0] == -1
        self.restorer_multiple = restorer_multiple
        self.grow_in_training = tuple(grow_in_training)
        self.composite = composite
        self.detect_mirrored = detect_mirrored
        self.detect_enlarged = detect_enlarged
        self.mask_upsampling = mask_upsampling
        self.detector = build_part('detector', detector)
        self.restorer = build_part('restorer', restorer)
        self.size_multiple: int = getattr(self.detector, 'size_multiple', 1)
        load_part('detector', self.detector, detector_weights, detector_param_key)
        load_part('restorer', self.restorer, restorer_weights, restorer_param_key)
        self.freeze_detector, self.freeze_restorer = freeze_detector, freeze_restorer
        for part in self._frozen_parts():
            part.requires_grad_(False)
        self.train()
        by_clusters = isinstance(self.detector, HCLDetector) and self.detector.pixel_classifiers is None
        if by_clusters and not freeze_detector and not is_apart():
            logging.getLogger('basicsr').warning(
                'DetectThenRestore: no loss here trains an HCLDetector with mask_from: clusters. '
                'Give its detector_weights and set freeze_detector: true, or choose mask_from: pixels.'
            )

    def _frozen_parts(self) -> list[nn.Module]:
        frozen = [(self.detector, self.freeze_detector), (self.restorer, self.freeze_restorer)]
        return [part for part, is_frozen in frozen if is_frozen]

    def train(self, mode: bool = True) -> DetectThenRestore:
        """Set training mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self._frozen_parts():
            part.eval()
        return self

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: Guidance = 'predicted',
        reverse: bool = False,
        restore: bool = True,
    ) -> Union[Tensor, BlindOutput]:
        """Restore images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            return_all: Whether to return a :class:`BlindOutput` instead of the restored image.
            true_mask: (B, 1, H, W), 1 = uncorrupted; used for guidance only.
            guidance: Whether the restorer is guided by the predicted mask or by ``true_mask``.
            reverse: Keep what the guiding mask calls corrupted and repaint the rest.
            restore: False only detects: the restorer does not run, the input stands for the restored images.

        Returns:
            The restored image, (B, 3, H, W), or everything. It is in [0, 1] in evaluation; in training a restorer's
            values beyond are left, for the losses to pull them back.

        Raises:
            ValueError: If images or mask have the wrong shape, guidance by the true mask lacks it, the detector gives
                no confidences of the images' size, or the restorer does not take the channels that it is fed or does
                not give images of the same size.
        """
        height, width = check_image(lq)
        check_guidance(lq, true_mask, guidance)
        mask_logits, features = self._detect(lq)
        finest = to_image_size(mask_logits[0], height, width, self.size_multiple, mode=self.mask_upsampling)
        soft_mask = torch.sigmoid(finest)
        mask = binary_mask(soft_mask)
        restored, confidence = lq, soft_mask
        if restore:
            if guidance == 'true':
                assert true_mask is not None
                guide = confidence = true_mask.to(lq.dtype)
            else:
                guide = soft_mask if self.mask_kind == 'soft' else mask
            if self.training and self.grow_in_training[1]:
                least, most = self.grow_in_training
                guide = _with_grown_holes(guide, int(torch.randint(least, most + 1, ())))
            if reverse:
                guide, confidence = 1 - guide, 1 - confidence
            restored = self._restore(lq, guide, confidence, features)
        if not return_all:
            return restored
        return BlindOutput(restored=restored, coarse=restored, mask=mask, soft_mask=soft_mask, mask_logits=mask_logits)

    def repair(self, lq: Tensor, mask: Tensor, *, reverse: bool = False, confidence: Optional[Tensor] = None) -> Tensor:
        """Restore images by a given mask; the detector does not run.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            mask: (B, 1, H, W), 1 = uncorrupted.
            reverse: Keep what the mask calls corrupted and repaint the rest.
            confidence: (B, 1, H, W) in [0, 1], that pixels are uncorrupted, as found, for a restorer that takes it; by
                default the mask.

        Returns:
            The restored image, (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: If images or mask have the wrong shape, or the restorer does not fit.
        """
        check_image(lq)
        check_guidance(lq, mask, 'true')
        mask = mask.to(lq.dtype)
        confidence = mask if confidence is None else confidence.to(lq.dtype)
        if reverse:
            mask, confidence = 1 - mask, 1 - confidence
        return self._restore(lq, mask, confidence)

    def _detect(self, lq: Tensor) -> tuple[list[Tensor], Optional[Tensor]]:
        """Logits that pixels are uncorrupted, (B, 1, h, w) on the padded grid, fine to coarse; and see ``_look``."""
        padded = pad_to_multiple(lq, self.size_multiple)
        if self.training:
            return self._look(padded)
        shown = enlarged(padded, self.detect_enlarged)
        logits, features = self._look(shown)
        if self.detect_mirrored:
            # Padded before it is mirrored, so that the cells of both grids lie upon each other.
            mirrored, _ = self._look(shown.flip(-1))
            logits = [(own + other.flip(-1)) / 2 for own, other in zip(logits, mirrored)]
        logits = [pooled(each, each.shape[-1] // padded.shape[-1]) for each in logits]
        return logits, features if self.detect_enlarged == 1 else None

    def _look(self, padded: Tensor) -> tuple[list[Tensor], Optional[Tensor]]:
        """The logits of an image that needs no padding, seen once, and features for the restorer: here there are none.

        A subclass whose restorer takes features of the detector gives them here, and ``_paint`` gets them, or None
        where nothing was detected, or in an enlarged image.
        """
        return self._detector_logits(padded), None

    def _detector_logits(self, padded: Tensor) -> list[Tensor]:
        own_logits = getattr(self.detector, 'mask_logits', None)
        if own_logits is not None:
            return [own_logits(padded)]
        if isinstance(self.detector, HCLDetector):
            detection = self.detector.detect(to_network_range(padded))
            if detection.mask_logits:
                return detection.mask_logits
            confidences = [stage.soft_mask for stage in detection.stages]
        else:
            confidences = [self._run_detector(padded)]
        return [to_logits(confidence) for confidence in confidences]

    def _run_detector(self, image: Tensor) -> Tensor:
        confidence = self.detector(image)
        expected = (image.shape[0], 1, *image.shape[-2:])
        if not isinstance(confidence, Tensor) or confidence.shape != expected:
            got = tuple(confidence.shape) if isinstance(confidence, Tensor) else type(confidence).__name__
            raise ValueError(
                f'The detector {type(self.detector).__name__} must give confidences of shape {expected} for images of '
                f'shape {tuple(image.shape)}, got {got}: name a detector, such as the HCLDetector of an HCLNet.'
            )
        return confidence

    def _restore(self, lq: Tensor, mask: Tensor, confidence: Tensor, features: Optional[Tensor] = None) -> Tensor:
        """The restored image for a mask and a confidence (B, 1, H, W), and what ``_look`` gives beside the logits.

        In both, 1 = to be kept.
        """
        painted = self._paint(lq, mask, confidence, features)
        restored = mask * lq + (1 - mask) * painted if self.composite else painted
        return restored if self.training else restored.clamp(0, 1)

    def _paint(self, lq: Tensor, mask: Tensor, confidence: Tensor, features: Optional[Tensor]) -> Tensor:
        """The restorer's image, (B, 3, H, W), around [0, 1]."""
        images = {'image': lq, 'masked_image': mask * lq + (1 - mask) * self.masked_value}
        if self.restorer_is_signed:
            images = {name: to_network_range(image) for name, image in images.items()}
        maps = {**images, 'mask': mask, 'hole': 1 - mask, 'confidence': confidence}
        fed = pad_to_multiple(torch.cat([maps[name] for name in self.restorer_input], dim=1), self.restorer_multiple)
        painted = self._run_restorer(fed)[..., : lq.shape[-2], : lq.shape[-1]]
        return to_image_range(painted) if self.restorer_is_signed else painted

    def _run_restorer(self, fed: Tensor) -> Tensor:
        name = type(self.restorer).__name__
        try:
            painted = self.restorer(fed)
        except (RuntimeError, AssertionError) as error:
            if not _is_about_shapes(error):
                raise
            raise ValueError(
                f'The restorer {name} does not take what restorer_input {list(self.restorer_input)} gives, '
                f'{fed.shape[1]} channels of {fed.shape[-2]} x {fed.shape[-1]} pixels: change its input channels, '
                f'restorer_input or restorer_multiple ({type(error).__name__}: {error}).'
            ) from error
        expected = (fed.shape[0], 3, *fed.shape[-2:])
        if not isinstance(painted, Tensor) or painted.shape != expected:
            got = tuple(painted.shape) if isinstance(painted, Tensor) else type(painted).__name__
            raise ValueError(
                f'The restorer {name} must give an image of shape {expected} for an input of shape {tuple(fed.shape)}, '
                f'got {got}: set its output channels to 3 and its scale to 1, or change restorer_multiple.'
            )
        return painted


def to_logits(confidence: Tensor) -> Tensor:
    """Logits of confidences in [0, 1]; those of 0 and 1 are finite."""
    return torch.logit(confidence, eps=_CONFIDENCE_MARGIN)


def enlarged(image: Tensor, factor: int) -> Tensor:
    """Images (B, C, H, W) so many times as large, bilinearly: (B, C, factor * H, factor * W)."""
    return image if factor == 1 else F.interpolate(image, scale_factor=float(factor), mode='bilinear')


def _with_grown_holes(mask: Tensor, pixels: int) -> Tensor:
    """A mask, (B, 1, H, W), 1 = uncorrupted, whose holes are larger by so many pixels on each side."""
    return -F.max_pool2d(-mask, 2 * pixels + 1, stride=1, padding=pixels)


def pooled(logits: Tensor, factor: int) -> Tensor:
    """Logits (B, 1, h, w), the mean of so many along each side; those that are fewer are left as they are."""
    return F.avg_pool2d(logits, factor) if factor > 1 else logits


def _is_about_shapes(error: Exception) -> bool:
    """Whether an error of a network is torch's about channels or sizes; networks assert sizes, mostly in silence."""
    return isinstance(error, AssertionError) or any(word in str(error) for word in ('channels', 'size of tensor'))


def _check_restorer_input(restorer_input: Sequence[str]) -> None:
    choices = get_args(RestorerInput)
    if isinstance(restorer_input, str) or not restorer_input:
        raise ValueError(f'restorer_input must be a list of some of {choices}, got {restorer_input!r}.')
    for name in restorer_input:
        check_choice('restorer_input', name, choices)
