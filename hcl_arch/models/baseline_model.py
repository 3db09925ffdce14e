"""BaselineModel: train the networks that the paper compares with, with their own losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Optional

from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from hcl_arch.archs.blind_restoration import BlindRestoration
from hcl_arch.models.blind_restoration_model import BlindRestorationModel, TrainingPart

# BasicSR's SRModel wants one of its own losses; taken away again before anything is trained.
_STAND_IN = {'type': 'L1Loss', 'loss_weight': 0.0}


@MODEL_REGISTRY.register()
class BaselineModel(BlindRestorationModel):
    """A :class:`BlindRestorationModel` with a loss over everything that its network returns.

    It adds the option ``train.output_opt``: a registered loss that is called as
    ``loss(output, truth, mask, watermark)`` and returns a dictionary of weighted terms, such as ``MPRNetLoss``,
    ``SplitThenRefineLoss``, ``BVMRLoss`` or ``SIRFLoss``. ``watermark`` is the batch's ``wm``, (B, 3, H, W) in [0, 1],
    or None if the data set has none. Terms that need it are then left out.

    A discriminator with the attribute ``conditional`` also gets the corrupted image.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown, or a needed one is missing.
    """

    TRAIN_KEYS: ClassVar[tuple[str, ...]] = (*BlindRestorationModel.TRAIN_KEYS, 'output_opt')

    # Of the batch.
    watermark: Optional[Tensor] = None

    @classmethod
    def train_faults(cls, opt: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """See :class:`BlindRestorationModel`."""
        yield from super().train_faults(opt)
        if opt['train'].get('output_opt') and opt['train'].get('mask_opt'):
            yield ('train', 'mask_opt'), 'is of no use beside train.output_opt, which compares masks itself.'

    def init_training_settings(self) -> None:
        """Build what training needs beside the generator: discriminator, losses, optimizers, schedulers."""
        train_opt = self.opt['train']
        self.cri_output = self._build_loss('output_opt')
        stands_in = self.cri_output is not None and not (train_opt.get('pixel_opt') or train_opt.get('perceptual_opt'))
        if stands_in:
            self.opt['train'] = {**train_opt, 'pixel_opt': _STAND_IN}
        super().init_training_settings()
        if stands_in:
            self.opt['train'] = train_opt
            self.cri_pix = None

    def feed_data(self, data: Mapping[str, Any]) -> None:
        """As :class:`BlindRestorationModel`, and ``wm`` (B, 3, H, W) in [0, 1], where it is known."""
        super().feed_data(data)
        self.watermark = data['wm'].to(self.device, non_blocking=True) if 'wm' in data else None

    def _parts(self) -> list[TrainingPart]:
        parts = super()._parts()
        if self.watermark is None:
            return parts
        return [
            part._replace(watermark=watermark)
            for part, watermark in zip(parts, self.watermark.chunk(self.accumulation_steps))
        ]

    def _restoration_losses(self, output: BlindRestoration, part: TrainingPart) -> dict[str, Tensor]:
        losses = super()._restoration_losses(output, part)
        if self.cri_output is not None:
            losses.update(self.cri_output(output, part.gt, part.mask, part.watermark))
        return losses

    def _scores(self, images: Tensor, part: TrainingPart) -> Tensor:
        assert self.net_d is not None
        if getattr(self.get_bare_model(self.net_d), 'conditional', False):
            return self.net_d(images, part.lq)
        return super()._scores(images, part)
