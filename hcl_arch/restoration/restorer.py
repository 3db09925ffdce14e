"""Repair photographs of any size with one model."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from hcl_arch.restoration import detection
from hcl_arch.restoration.feathering import check_feather, feather_weights, feathered
from hcl_arch.restoration.fillers import make_filler
from hcl_arch.restoration.image_input import Given, ImageInput, given_image
from hcl_arch.restoration.mask_array import check_confidence, check_grow, check_threshold, grown, mask_of_confidence
from hcl_arch.restoration.painting import Painter, paint
from hcl_arch.restoration.pixel_source import ImageSource
from hcl_arch.restoration.pixelation import pixelated_regions
from hcl_arch.restoration.pretrained import Pretrained
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.runtimes import make_network
from hcl_arch.restoration.stages import Progress, Stages
from hcl_arch.restoration.user_mask import MaskInput, means_own_alpha, read_user_mask, user_mask
from hcl_arch.restoration.verdict import (
    Finding,
    can_be_judged,
    check_min_score,
    corruption_score,
    find_by,
    found_by_user,
    spared,
)
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_limits import DEFAULT_MEMORY
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.precision import Precision, check_precision
from hcl_arch.utils.runtime import Runtime

if TYPE_CHECKING:
    from torch import nn

DEFAULT_DETECT_SIDE = 256
DEFAULT_THRESHOLD = 0.5
# 0 accepts every region.
DEFAULT_MIN_SCORE = 0.0
DEFAULT_FEATHER = 0.0
_MIB = 2**20
# Memory for arrays of the image's size: copies, confidence, distances, masks.
_ARRAY_BYTES_PER_PIXEL = 48
_LEAST_MEMORY = 64


class Restorer(Pretrained):
    """A model, ready to detect and repair corruption in photographs.

    Detection works on the whole reduced picture or, with a network that takes several looks, on the whole picture at
    increasing sizes; repairing works at full size, whole or in tiles. The same image always gives the same result.
    Several threads may share one object: they use the network in turn.

    Args:
        model: A model's name, file or folder, see :func:`hcl_arch.model_files.load_model`, or a network that supports
            the calls of :class:`HCLNet` (it is copied); a detector is enough for :meth:`detect`.
        runtime: What computes: ``torch``; ``onnx``: onnxruntime, without importing PyTorch, on the processor in fp32,
            see :mod:`hcl_arch.model_files.onnx_model`; or ``auto``, see :mod:`hcl_arch.restoration.runtimes`.
        device: ``auto`` (a GPU or Apple's if there is one), or PyTorch's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        memory: MiB that processing may use besides the model: pictures estimated to need more are repaired in tiles,
            and reduced for detection.
        threads: Of the computation, with PyTorch for the whole process; by default what computes decides.
        detect_side: Length in pixels to which a picture's short side is reduced for detection; by default the model
            file's recommendation, else 256.
        min_score: In [0, 1]: pictures with a lower score, see :func:`hcl_arch.restoration.verdict.corruption_score`,
            are not marked; by default the model file's recommendation, else 0, which accepts everything.
        filler: What fills holes in the place of the model's restorer, see
            :func:`hcl_arch.restoration.fillers.make_filler`: ``opencv-telea``, ``opencv-ns``, ``patchmatch``, or the
            name or file of another project's inpainting network, such as LaMa. The model may then be a detector only.

    Raises:
        ValueError: If an option has an invalid value, or the model cannot be loaded.
    """

    def __init__(
        self,
        model: Union[str, Path, nn.Module] = 'small',
        *,
        runtime: Runtime = 'auto',
        device: str = 'auto',
        precision: Precision = 'fp32',
        threads: Optional[int] = None,
        memory: int = DEFAULT_MEMORY,
        detect_side: Optional[int] = None,
        min_score: Optional[float] = None,
        filler: Optional[Union[str, Path]] = None,
    ) -> None:
        check_precision(precision)
        if not memory >= _LEAST_MEMORY:
            raise InputError(f'memory: expected at least {_LEAST_MEMORY} MiB, got {memory}.')
        if detect_side is not None and detect_side < 1:
            raise InputError(f'detect_side: expected a length of at least 1 pixel, got {detect_side}.')
        if min_score is not None:
            check_min_score(min_score)
        self._network, self.name, info = make_network(
            model, runtime=runtime, device=device, precision=precision, threads=threads
        )
        self._model = model if isinstance(model, (str, os.PathLike)) else None
        self.memory = memory
        self.detect_side = int(detect_side or info.get('detect_side') or DEFAULT_DETECT_SIDE)
        self.threshold = float(info.get('threshold', DEFAULT_THRESHOLD))
        check_threshold(self.threshold)
        least = info.get('min_score', DEFAULT_MIN_SCORE) if min_score is None else min_score
        check_min_score(least)
        self.min_score = float(least)
        self.feather = float(info.get('feather', DEFAULT_FEATHER))
        check_feather(self.feather)
        self._painter: Painter = self._network if filler is None else make_filler(filler, self._network.device)

    def with_filler(self, filler: Optional[Union[str, Path]]) -> Restorer:
        """The same model, whose network is shared, with another filler; None = the model's own restorer.

        Raises:
            ValueError: If there is no such filler.
        """
        other = copy.copy(self)
        other._painter = self._network if filler is None else make_filler(filler, self._network.device)
        return other

    def detect(self, image: ImageInput) -> np.ndarray:
        """Find what is corrupted.

        Args:
            image: Array (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA of uint8, uint16 or float in [0, 1], a PIL
                image, a file's path or its bytes. Fully transparent pixels count as uncorrupted and their colours as
                unknown.

        Returns:
            Confidence that a pixel is uncorrupted, (H, W) float32 in [0, 1]; 1 everywhere if the image is more than 100
            times as long as wide, which is not judged.

        Raises:
            ValueError: If it is no such image.
        """
        return self._detect(ImageSource(given_image(image).pixels))

    def find(
        self,
        image: ImageInput,
        *,
        threshold: Optional[float] = None,
        grow: float = 0,
        min_score: Optional[float] = None,
        exclude: Optional[MaskInput] = None,
        mask_polarity: MaskPolarity = 'auto',
        mask_channel: MaskChannel = 'auto',
        fit_mask: bool = False,
        progress: Optional[Progress] = None,
    ) -> Finding:
        """Find what is corrupted, and decide whether anything is corrupted at all.

        Args:
            image: As for :meth:`detect`.
            threshold: As for :meth:`restore`.
            grow: As for :meth:`restore`.
            min_score: As for :meth:`restore`.
            exclude: As for :meth:`restore`.
            mask_polarity: Of `exclude`, as for :meth:`repair`.
            mask_channel: Of `exclude`, as for :meth:`repair`.
            fit_mask: Of `exclude`, as for :meth:`repair`.
            progress: Called with the number of finished steps and of all steps.

        Returns:
            The final mask, the confidence, the score and whether anything is marked.

        Raises:
            ValueError: If it is no such image, or a number is out of its range.
        """
        threshold, min_score = self._threshold(threshold), self._min_score(min_score)
        check_grow(grow)
        given = given_image(image)
        kept = _kept(exclude, given, polarity=mask_polarity, channel=mask_channel, fit=fit_mask)
        return spared(self._find(ImageSource(given.pixels), threshold, grow, min_score, progress), kept)

    def mask_of(self, confidence: np.ndarray, *, threshold: Optional[float] = None, grow: float = 0) -> np.ndarray:
        """The mask of a confidence map: see :func:`hcl_arch.restoration.mask_array.mask_of_confidence`.

        Without a threshold the model's own is used. The picture's score does not matter here.
        """
        return mask_of_confidence(confidence, threshold=self._threshold(threshold), grow=grow)

    def repair(
        self,
        image: ImageInput,
        mask: MaskInput,
        *,
        mask_polarity: MaskPolarity = 'auto',
        mask_channel: MaskChannel = 'auto',
        composite: bool = True,
        reverse: bool = False,
        erase: bool = False,
        feather: float = 0,
        fit_mask: bool = False,
        confidence: Optional[np.ndarray] = None,
        progress: Optional[Progress] = None,
    ) -> Restoration:
        """Repair an image by a given mask.

        Args:
            image: As for :meth:`detect`.
            mask: Array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), PIL image or path, white = corrupted: see
                :func:`hcl_arch.utils.mask_reading.corrupted_pixels`. Or 'alpha': what is erased in the image itself,
                which becomes opaque (unless `reverse`).
            mask_polarity: 'white' or 'black': this is corrupted; 'auto': white, and a mask that is unclear is refused.
            mask_channel: 'colour' or 'alpha' of the mask decides; 'auto': the one that tells its pixels apart.
            composite: Whether pixels outside the mask stay exactly the input's; otherwise the whole picture is the
                network's.
            reverse: Repaint what the mask marks as uncorrupted and keep the rest.
            erase: Whether nothing of what is repainted is looked at, as to remove a person. Otherwise a network may
                keep what shines through, and what it takes for uncorrupted. 'alpha' always erases (unless `reverse`).
            feather: Pixels around the mask in which the result fades into the picture; beyond them it is exact.
            fit_mask: Whether a mask of another size is turned as a file's photograph is, and resized; one of another
                shape is refused all the same.
            confidence: (H, W) float in [0, 1], passed on to the result with its score; by default 0 in the mask and 1
                outside, with a score of 1, or 0 if nothing is marked.
            progress: Called with the number of finished tiles and of all tiles.

        Returns:
            The restored image, the mask and the confidence. If no pixel is to be repainted and the image is composited,
            it is a copy of the input.

        Raises:
            ValueError: If image or mask are not as expected, or the model only detects.
        """
        check_feather(feather)
        given = given_image(image)
        pixels, corrupted = read_user_mask(
            mask,
            given.pixels,
            polarity=mask_polarity,
            channel=mask_channel,
            reverse=reverse,
            fit=fit_mask,
            orientation=given.orientation,
        )
        source = ImageSource(pixels)
        if confidence is None:
            finding = found_by_user(corrupted, corrupted)
        else:
            check_confidence(confidence, source.height, source.width)
            confidence = confidence.astype(np.float32)
            finding = Finding(corrupted, confidence, corruption_score(confidence), bool(corrupted.any()))
        erase = erase or (means_own_alpha(mask) and not reverse)
        return given.restoration(self._repair(source, finding, composite, reverse, erase, feather, progress), finding)

    def restore(
        self,
        image: ImageInput,
        *,
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
        """Find what is corrupted and repair it.

        Args:
            image: As for :meth:`detect`.
            mask: A user's mask, as for :meth:`repair`; detection is then skipped.
            mask_polarity: As for :meth:`repair`.
            mask_channel: As for :meth:`repair`.
            threshold: In [0, 1]: pixels with less confidence are corrupted. 0 repairs nothing, 1 everything below full
                confidence. By default the model file's recommendation, else 0.5. Not used if a mask is given.
            grow: Pixels by which the mask is enlarged on all sides.
            min_score: In [0, 1]: pictures with a lower score are not marked; 0 accepts everything. By default the
                object's own. Not used if a mask is given.
            composite: As for :meth:`repair`.
            reverse: As for :meth:`repair`.
            erase: As for :meth:`repair`.
            feather: As for :meth:`repair`. By default 0 for a user's mask, else the model file's recommendation or 0.
            fit_mask: As for :meth:`repair`.
            exclude: A mask as for :meth:`repair`, with its options above, of what is never marked.
            repair_pixelated: Whether regions that look pixelated are repaired too. By default they are only marked,
                since a repair would invent what they hide. Not used if a mask is given, or with `reverse`.
            progress: Called with the number of finished steps and of all steps that are known so far: first parts of
                the picture to look at, then tiles to repair.

        Returns:
            As for :meth:`repair`. If nothing was found, the image is a copy of the input, whatever the options.

        Raises:
            ValueError: If image or mask are not as expected, a number is out of its range, or the model only detects.
        """
        threshold, min_score = self._threshold(threshold), self._min_score(min_score)
        check_grow(grow)
        if feather is None:
            feather = 0 if mask is not None else self.feather
        check_feather(feather)
        self._painter.check_restores()
        given = given_image(image)
        kept = _kept(exclude, given, polarity=mask_polarity, channel=mask_channel, fit=fit_mask)
        if mask is not None:
            pixels, corrupted = read_user_mask(
                mask,
                given.pixels,
                polarity=mask_polarity,
                channel=mask_channel,
                grow=grow,
                reverse=reverse,
                fit=fit_mask,
                orientation=given.orientation,
            )
            finding = spared(found_by_user(corrupted, grown(corrupted, grow)), kept)
            erase = erase or (means_own_alpha(mask) and not reverse)
            picture = self._repair(ImageSource(pixels), finding, composite, reverse, erase, feather, progress)
            return given.restoration(picture, finding)
        source = ImageSource(given.pixels)
        stages = Stages(progress)
        found = self._find(source, threshold, 0, min_score, stages.next())
        finding = spared(found._replace(mask=grown(found.mask, grow)), kept)
        left = pixelated_regions(source.pixels, found.mask) & (not repair_pixelated and not reverse)
        hole = spared(found._replace(mask=grown(np.where(left, np.uint8(0), found.mask), grow)), kept)
        if hole.found:
            picture = self._repair(source, hole, composite, reverse, erase, feather, stages.next())
        else:
            picture = source.pixels.copy()
        return given.restoration(picture, finding, float((left & (finding.mask > 0)).mean()))

    def _threshold(self, threshold: Optional[float]) -> float:
        if threshold is None:
            return self.threshold
        check_threshold(threshold)
        return threshold

    def _min_score(self, min_score: Optional[float]) -> float:
        if min_score is None:
            return self.min_score
        check_min_score(min_score)
        return min_score

    def _find(
        self, source: ImageSource, threshold: float, grow: float, min_score: float, progress: Optional[Progress]
    ) -> Finding:
        return find_by(self._detect(source, progress), threshold=threshold, grow=grow, min_score=min_score)

    def _detect(self, source: ImageSource, progress: Optional[Progress] = None) -> np.ndarray:
        if not can_be_judged(source.height, source.width):
            return np.ones((source.height, source.width), np.float32)
        return detection.detect(
            source,
            self._network,
            detect_side=self.detect_side,
            memory_bytes=self._network_bytes(source),
            progress=progress,
        )

    def _repair(
        self,
        source: ImageSource,
        finding: Finding,
        composite: bool,
        reverse: bool,
        erase: bool,
        feather: float,
        progress: Optional[Progress],
    ) -> np.ndarray:
        hole = (finding.mask == 0) if reverse else (finding.mask > 0)
        confidence = 1 - finding.confidence if reverse else finding.confidence
        weights = feather_weights(hole, feather) if composite and feather >= 1 and hole.any() else None
        hole = hole if weights is None else weights > 0
        picture = paint(
            source,
            hole,
            self._painter,
            composite=composite,
            memory_bytes=self._network_bytes(source),
            confidence=confidence,
            erase=erase,
            progress=progress,
        )
        return picture if weights is None else feathered(source.pixels, picture, weights)

    def _network_bytes(self, source: ImageSource) -> float:
        """Memory that remains besides the image's arrays."""
        return max(0.0, self.memory * _MIB - source.height * source.width * _ARRAY_BYTES_PER_PIXEL)


def _kept(exclude: Optional[MaskInput], given: Given, **ways: Any) -> Optional[np.ndarray]:
    """What is excluded from a finding, (H, W) uint8, nonzero = not corrupted; `ways` are those of :func:`user_mask`."""
    if exclude is None:
        return None
    return user_mask(exclude, *given.pixels.shape[:2], orientation=given.orientation, name='exclude', **ways)
