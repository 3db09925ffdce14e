"""HCLModel: train and evaluate HCLNet in BasicSR's pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from hcl_arch.archs.hcl_net_arch import HCLOutput
from hcl_arch.archs.image_form import pad_to_multiple
from hcl_arch.models.blind_restoration_model import BlindRestorationModel, TrainingPart
from hcl_arch.utils.option_error import check_keys


@MODEL_REGISTRY.register()
class HCLModel(BlindRestorationModel):
    """Two-phase training and blind evaluation of ``HCLNet`` (Section 3.4).

    It adds the losses ``contrastive_opt`` and ``classifier_opt`` to those of :class:`BlindRestorationModel`.
    ``optim_g`` may have ``lr_refiner`` and ``lr_classifier`` beside ``lr``.

    Differs from the paper, only if requested: up to ``train.detector_iter`` (default 0) only the detector is trained.
    With ``classifier_opt.pixel_weight`` (default 0) the classifier also learns from the pixels of the coarsest stage;
    the target is the uncorrupted share of their patch of the true mask. Both help a short training.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown, or a needed one is missing.
    """

    TRAIN_KEYS: ClassVar[tuple[str, ...]] = (*BlindRestorationModel.TRAIN_KEYS, 'contrastive_opt', 'classifier_opt')
    PART_LEARNING_RATES: ClassVar[Mapping[str, str]] = {
        'refiner.': 'lr_refiner',
        'detector.classifier.': 'lr_classifier',
        **BlindRestorationModel.PART_LEARNING_RATES,
    }

    @classmethod
    def check_train_options(cls, opt: Mapping[str, Any]) -> None:
        """See :class:`BlindRestorationModel`."""
        super().check_train_options(opt)
        classifier_opt = opt['train'].get('classifier_opt') or {}
        check_keys(classifier_opt, ('loss_weight', 'pixel_weight'), 'train.classifier_opt')

    @classmethod
    def train_faults(cls, opt: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """See :class:`BlindRestorationModel`."""
        yield from super().train_faults(opt)
        train_opt = opt['train']
        by_pixels = opt['network_g'].get('mask_from') == 'pixels'
        if bool(train_opt.get('mask_opt')) != by_pixels:
            yield ('train', 'mask_opt'), 'and network_g.mask_from: pixels belong together.'
        elif by_pixels and train_opt.get('classifier_opt'):  # mask_opt is its loss
            yield ('train', 'classifier_opt'), 'has nothing to do with network_g.mask_from: pixels.'

    def init_training_settings(self) -> None:
        """Build what training needs beside the generator: discriminator, losses, optimizers, schedulers."""
        self.cri_contrastive = self._build_loss('contrastive_opt')
        classifier_opt = self.opt['train'].get('classifier_opt') or {}
        self.classifier_weight = classifier_opt.get('loss_weight', 0.0)
        self.pixel_weight = classifier_opt.get('pixel_weight', 0.0)
        super().init_training_settings()

    def _detection_losses(  # type: ignore[override]
        self, output: HCLOutput, part: TrainingPart
    ) -> dict[str, Tensor]:
        losses = super()._detection_losses(output, part)
        net = self.get_bare_model(self.net_g)
        mask = pad_to_multiple(part.mask, net.size_multiple)
        if output.windows is not None:
            mask = output.windows.cut(mask)
        if self.cri_contrastive is not None:
            losses_of_stages = self.cri_contrastive(
                output.embeddings, output.stages, mask, finest_cell=net.detector.cells[0]
            )
            for stage, loss in enumerate(losses_of_stages):
                losses[f'l_contrastive_{stage}'] = loss
        if self.classifier_weight > 0:
            target = torch.zeros_like(output.center_logits)
            target[:, 0] = 1
            bce = F.binary_cross_entropy_with_logits(output.center_logits, target)
            losses['l_classifier'] = self.classifier_weight * bce
        if self.pixel_weight > 0:
            patch_size = mask.shape[-1] // output.pixel_logits.shape[-1]
            bce = F.binary_cross_entropy_with_logits(output.pixel_logits, F.avg_pool2d(mask, patch_size))
            losses['l_classifier_pixel'] = self.pixel_weight * bce
        return losses

    def _mask_of_logits(self, mask: Tensor, output: HCLOutput, index: int) -> Tensor:  # type: ignore[override]
        """The last look's logits come first, one of each stage, and are of its window."""
        is_last_look = index < len(output.stages)
        return output.windows.cut(mask) if output.windows is not None and is_last_look else mask
