"""The exportable parts of a network: modules from tensors to tensors, for images of any size."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import DetectThenRestore, HCLDetector, HCLNet
from hcl_arch.archs.baselines.pixel_detector import PixelDetector
from hcl_arch.archs.detect_then_restore_arch import enlarged, pooled, to_logits
from hcl_arch.archs.hcl_detector_arch import Detection
from hcl_arch.archs.image_form import pad_to_multiple, to_image_range, to_network_range
from hcl_arch.archs.layers.exporting import cut_back
from hcl_arch.commands.export.arguments import PartName
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.strided_convs import with_even_strides


class Interface(NamedTuple):
    """Names of a part's tensors."""

    inputs: tuple[str, ...]
    """In the order of the arguments."""
    outputs: tuple[str, ...]
    """In the order of the results."""


INTERFACES: dict[PartName, Interface] = {
    'detect': Interface(('image',), ('mask', 'confidence')),
    'restore': Interface(('image', 'mask'), ('restored',)),
    'all': Interface(('image',), ('restored', 'mask', 'confidence')),
}


class Part(nn.Module, ABC):
    """A part of a network; ``INTERFACES`` lists the inputs and outputs of ``forward``.

    Args:
        network: The network in evaluation mode; not changed.
        name: Name of the part.
    """

    size_multiple: int
    """What the part itself pads images to a multiple of."""

    def __init__(self, network: nn.Module, name: PartName) -> None:
        super().__init__()
        # The memory layout is up to a program's runtime, and symbolic graphs need regular strides.
        own = copy.deepcopy(network)
        own.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.network = with_even_strides(own)
        self.name = name

    def forward(self, image: Tensor, mask: Optional[Tensor] = None) -> tuple[Tensor, ...]:
        """Run the part.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W), 1 = uncorrupted; for ``restore`` only.
        """
        if self.name == 'restore':
            assert mask is not None
            return (self.restore(image, mask),)
        if self.name == 'detect':
            return self.detect(image)
        return self.restore_blindly(image)

    @abstractmethod
    def detect(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and confidence."""

    @abstractmethod
    def restore(self, image: Tensor, mask: Tensor) -> Tensor:
        """The image restored with a given mask."""

    @abstractmethod
    def restore_blindly(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The restored image, mask and confidence."""


def build_part(network: nn.Module, name: PartName) -> Part:
    """Build a part of a network returned by ``load_model``.

    Raises:
        ExportError: If it cannot be exported.
    """
    if isinstance(network, HCLNet):
        return HCLPart(network, name)
    if isinstance(network, DetectThenRestore):
        return DetectThenRestorePart(network, name)
    raise ExportError(f'{type(network).__name__} cannot be exported; expected HCLNet, DetectThenRestore or VCNet.')


class HCLPart(Part):
    """A part of :class:`HCLNet`, in steps that are valid for sizes not seen in the export."""

    network: HCLNet

    def __init__(self, network: HCLNet, name: PartName) -> None:
        super().__init__(network, name)
        self.size_multiple = network.size_multiple
        self.cells, self.mask_cell = network.detector.cells, network.detector.mask_cell

    def detect(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self._maps(self._detection(image), image)

    def restore(self, image: Tensor, mask: Tensor) -> Tensor:
        kept = pad_to_multiple(mask, self.size_multiple)
        masks = [kept if cell == 1 else 1 - F.max_pool2d(1 - kept, cell) for cell in self.cells]
        padded = pad_to_multiple(image, self.size_multiple)
        return self._painted(self.network._features(to_network_range(padded)), masks, mask)

    def restore_blindly(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        detection = self._detection(image)
        mask, confidence = self._maps(detection, image)
        if len(detection.stages) == len(detection.features):
            masks = [stage.mask for stage in detection.stages]
        else:
            masks = [_resized(detection.stages[0].mask, self.mask_cell, cell) for cell in self.cells]
        return self._painted(detection.features, masks, mask), mask, confidence

    def _detection(self, image: Tensor) -> Detection:
        return self.network.detector.detect(to_network_range(pad_to_multiple(image, self.size_multiple)))

    def _maps(self, detection: Detection, image: Tensor) -> tuple[Tensor, Tensor]:
        finest, (height, width) = detection.stages[0], image.shape[-2:]
        mask, confidence = (_resized(stage_map, self.mask_cell, 1) for stage_map in (finest.mask, finest.soft_mask))
        return cut_back(mask, height, width), cut_back(confidence, height, width)

    def _painted(self, features: list[Tensor], masks: list[Tensor], mask: Tensor) -> Tensor:
        network, (height, width) = self.network, mask.shape[-2:]
        coarse = network.decoder(network.bottleneck(features[-1]), list(features), masks)
        coarse = cut_back(to_image_range(coarse), height, width)
        if network.refiner is None:
            return coarse
        return network.refiner(torch.cat([coarse, mask], dim=1) if network.refiner_sees_mask else coarse)


class DetectThenRestorePart(Part):
    """A part of :class:`DetectThenRestore` or ``VCNet``."""

    network: DetectThenRestore

    def __init__(self, network: DetectThenRestore, name: PartName) -> None:
        super().__init__(network, name)
        self.size_multiple = network.size_multiple
        if not isinstance(network.detector, (HCLDetector, PixelDetector)):
            found = type(network.detector).__name__
            raise ExportError(f'the detector {found} cannot be exported; expected one of this package.')
        # Side of a logit's cell in pixels: of the detector's input, and of the image.
        self.detector_cell = (
            network.detector.mask_cell if isinstance(network.detector, HCLDetector) else self._measured_cell()
        )
        self.cell: int = max(1, self.detector_cell // network.detect_enlarged)

    def detect(self, image: Tensor) -> tuple[Tensor, Tensor]:
        height, width = image.shape[-2:]
        shown = enlarged(pad_to_multiple(image, self.size_multiple), self.network.detect_enlarged)
        shown = to_network_range(shown)
        logits = self._logits(shown)
        if self.network.detect_mirrored:
            logits = (logits + self._logits(shown.flip(-1)).flip(-1)) / 2
        logits = pooled(logits, self.network.detect_enlarged // self.detector_cell)
        confidence = torch.sigmoid(cut_back(self._enlarged(logits), height, width))
        return (confidence >= 0.5).to(confidence.dtype), confidence

    def restore(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.network._restore(image, mask, mask)

    def restore_blindly(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, confidence = self.detect(image)
        guide = confidence if self.network.mask_kind == 'soft' else mask
        return self.network._restore(image, guide, confidence), mask, confidence

    def _logits(self, image: Tensor) -> Tensor:
        """The detector's logits on its own grid, for a padded image in [-1, 1]."""
        detector = self.network.detector
        if isinstance(detector, PixelDetector):
            return detector._logits(image)
        assert isinstance(detector, HCLDetector)
        detection = detector.detect(image)
        return detection.mask_logits[0] if detection.mask_logits else to_logits(detection.stages[0].soft_mask)

    def _measured_cell(self) -> int:
        with torch.no_grad():
            logits = self._logits(torch.zeros(1, 3, self.size_multiple, self.size_multiple))
        return self.size_multiple // logits.shape[-1]

    def _enlarged(self, logits: Tensor) -> Tensor:
        if self.cell == 1 or self.network.mask_upsampling == 'nearest':
            return _resized(logits, self.cell, 1)
        height, width = logits.shape[-2:]
        return F.interpolate(logits, size=(self.cell * height, self.cell * width), mode='bilinear')


def _resized(mask: Tensor, cell: int, wanted: int) -> Tensor:
    """A map resized by nearest neighbour from cells of ``cell`` image pixels to the size of ``wanted``."""
    if wanted >= cell:
        step = wanted // cell
        return mask if step == 1 else mask[..., ::step, ::step]
    times, (b, c, height, width) = cell // wanted, mask.shape
    repeated = mask[:, :, :, None, :, None].expand(-1, -1, -1, times, -1, times)
    return repeated.reshape(b, c, times * height, times * width)
