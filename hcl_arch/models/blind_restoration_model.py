"""BlindRestorationModel: train and evaluate blind restoration networks in BasicSR's pipelines."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Optional

import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from basicsr.losses import build_loss
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hcl_arch.archs.blind_restoration import BlindRestoration
from hcl_arch.archs.image_form import pad_to_multiple
from hcl_arch.losses.gradient_ratio import adversarial_ratio
from hcl_arch.losses.hcl_perceptual_loss import HCLPerceptualLoss
from hcl_arch.losses.hcl_wgan_gp_loss import HCLWGANGPLoss
from hcl_arch.losses.mask_losses import weighted_region_losses
from hcl_arch.models.gradient_step import GradientStep
from hcl_arch.models.interruptible_model import InterruptibleModel
from hcl_arch.models.parameter_groups import parameter_groups
from hcl_arch.models.running_statistics import RunningStatistics
from hcl_arch.training.weight_gradients import WeightGradients
from hcl_arch.utils.option_error import check_keys
from hcl_arch.utils.option_fields import is_whole
from hcl_arch.utils.precision import autocast, check_compile, compile_network
from hcl_arch.utils.random_state import derived_seed, seed_generators

Losses = OrderedDict[str, Tensor]

# Side in pixels of the cells of a mask up to which `mask_opt.iou_weight` and `lovasz_weight` count.
FINE_CELL = 4


class TrainingPart(NamedTuple):
    """Images of a batch that pass through the network together."""

    lq: Tensor
    """(B, 3, H, W) RGB in [0, 1], the corrupted images."""
    gt: Tensor
    """(B, 3, H, W) RGB in [0, 1], the clean ones."""
    mask: Tensor
    """(B, 1, H, W), 1 = uncorrupted."""
    watermark: Optional[Tensor] = None
    """(B, 3, H, W) RGB in [0, 1], what lies upon the clean images, where the data set has it and the model reads it."""


@MODEL_REGISTRY.register()
class BlindRestorationModel(InterruptibleModel):
    """Training and blind evaluation of a network that finds a mask and restores.

    The network is called as ``net(lq, return_all=True, true_mask=..., guidance=..., restore=...)``, like ``HCLNet``. It
    returns a named tuple that is a :class:`hcl_arch.archs.blind_restoration.BlindRestoration`. Examples are ``VCNet``,
    ``DetectThenRestore`` and ``HCLNet``.

    Up to iteration ``train.phase1_iter`` the true mask guides the restoration, afterwards the predicted one, or in a
    random ``train.true_mask_share`` of the iterations still the true one. Up to ``train.detector_iter`` (default 0)
    only the detector is trained. These options give weighted losses: ``mask_opt`` (binary cross-entropy of the mask
    logits, averaged over the stages; with ``iou_weight`` and ``lovasz_weight`` also a soft IoU and the Lovasz hinge of
    the corrupted region), ``pixel_opt`` and ``perceptual_opt`` (of the restored image, and of a coarse image unless
    ``perceptual_coarse_opt`` replaces it), ``texture_opt`` (of the restored image; ``HCLIDMRFLoss``) and ``gan_opt``.
    With ``gan_opt`` the log also has ``r_gan_pix``: the norm of the weighted adversarial loss's gradient with respect
    to the restored image, divided by that of the weighted pixel loss. Far above 1, the images collapse.

    With ``train.accumulation_steps`` (default 1) a batch passes through the networks in this many parts, one after the
    other. Their gradients are summed before the step, so memory is that of a part and the step that of the batch. The
    discriminator takes its step in the last part, so the adversarial losses of the earlier parts use the discriminator
    from before the step. A spectrally normalised discriminator runs its power iteration in every part.

    All processes skip a step whose loss or gradient is not finite, and note the images of the batch in
    ``skipped_steps.log`` beside the run's log. After ``train.max_skipped_steps`` (default 30) such steps in a row the
    training ends. The random numbers of an iteration depend only on ``manual_seed`` and the iteration.

    The option ``precision`` sets the generator's precision, ``compile`` compiles it, and ``weight_gradients`` says from
    which memory layout weight gradients are computed on a CPU (see `hcl_arch.training.weight_gradients`). Losses and
    the discriminator run in float32; only the VGG of the perceptual loss uses the generator's precision.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown, or a needed one is missing.
    """

    TRAIN_KEYS: ClassVar[tuple[str, ...]] = (
        'ema_decay', 'optim_g', 'optim_d', 'scheduler', 'total_iter', 'warmup_iter', 'detector_iter', 'phase1_iter',
        'true_mask_share', 'accumulation_steps', 'max_skipped_steps', 'mask_opt', 'pixel_opt', 'perceptual_opt',
        'perceptual_coarse_opt', 'texture_opt', 'gan_opt',
    )  # fmt: skip
    # Learning rates of `optim_g` for parts of the network whose parameters' names start so; the rest has `lr`.
    PART_LEARNING_RATES: ClassVar[Mapping[str, str]] = {
        'detector.encoder.backbone.': 'lr_backbone',
        'detector.': 'lr_detector',
    }

    def __init__(self, opt: dict[str, Any]) -> None:
        check_compile(opt.get('compile', False))
        if opt['is_train']:
            self.check_train_options(opt)
            self.weight_gradients = WeightGradients(opt.get('weight_gradients', 'auto'))
        super().__init__(opt)

    @classmethod
    def check_train_options(cls, opt: Mapping[str, Any]) -> None:
        """Refuse training options that nobody reads, or that do not fit each other.

        Raises:
            ValueError: Naming the option.
        """
        train_opt = opt['train']
        check_keys(train_opt, cls.TRAIN_KEYS, 'train')
        check_keys(train_opt.get('mask_opt') or {}, ('loss_weight', 'iou_weight', 'lovasz_weight'), 'train.mask_opt')
        for keys, fault in cls.train_faults(opt):
            raise ValueError(f'Option {".".join(keys)} {fault}')

    @classmethod
    def train_faults(cls, opt: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield training options that do not fit each other: where they stand, and what is wrong."""
        train_opt = opt['train']
        restorer_learns = not opt['network_g'].get('freeze_restorer')
        if opt['dist'] and train_opt.get('detector_iter') and restorer_learns and not opt.get('find_unused_parameters'):
            yield ('train', 'detector_iter'), 'with several processes needs `find_unused_parameters: true`.'
        if 'phase1_iter' not in train_opt:
            yield ('train', 'phase1_iter'), 'is missing: up to which iteration the true mask guides.'
        if bool(opt.get('network_d')) != bool(train_opt.get('gan_opt')):
            yield ('network_d',), 'and train.gan_opt belong together: give both or neither.'
        elif opt.get('network_d') and not train_opt.get('optim_d'):
            yield ('train', 'optim_d'), 'is missing: network_d needs an optimizer.'
        for name in ('accumulation_steps', 'max_skipped_steps'):
            if not is_whole(train_opt.get(name, 1), 1):
                yield ('train', name), f'must be a whole number of at least 1, got {train_opt[name]!r}.'

    def init_training_settings(self) -> None:
        """Build what training needs beside the generator: discriminator, losses, optimizers, schedulers."""
        train_opt = self.opt['train']
        self.detector_iter = train_opt.get('detector_iter', 0)
        self.phase1_iter = train_opt['phase1_iter']
        self.true_mask_share = train_opt.get('true_mask_share', 0)
        self.accumulation_steps = train_opt.get('accumulation_steps', 1)
        self.net_d = self._build_discriminator()
        self.cri_gan = self._build_loss('gan_opt')
        # Of equal options one VGG will do, and one pass over the truth.
        same = train_opt.get('perceptual_coarse_opt') == train_opt.get('perceptual_opt')
        self.cri_perceptual_coarse = None if same else self._build_loss('perceptual_coarse_opt')
        self.cri_texture = self._build_loss('texture_opt')
        mask_opt = train_opt.get('mask_opt') or {}
        self.mask_weight = mask_opt.get('loss_weight', 0.0)
        self.region_losses = weighted_region_losses(mask_opt)
        super().init_training_settings()
        if self.cri_perceptual_coarse is None:
            self.cri_perceptual_coarse = self.cri_perceptual

    def model_to_device(self, net: nn.Module, *, compiled: bool = True) -> nn.Module:
        """Move a network to the device and wrap it.

        Unlike BasicSR's, also for several processes without a GPU; and it compiles the network if the option says so.
        """
        if self.weight_gradients is not None:
            self.weight_gradients.attach(net)
        if compiled:
            compile_network(net, self.opt.get('compile', False))
        if self.opt['dist'] and self.device.type == 'cpu':
            unused = self.opt.get('find_unused_parameters', False)
            return DistributedDataParallel(net, find_unused_parameters=unused)
        return super().model_to_device(net)

    def _build_loss(self, name: str) -> Optional[nn.Module]:
        options = self.opt['train'].get(name)
        return build_loss(options).to(self.device) if options else None

    def _build_discriminator(self) -> Optional[nn.Module]:
        if not self.opt.get('network_d'):
            return None
        # Not compiled: the penalty's gradient of a gradient is beyond torch.compile.
        net_d = self.model_to_device(build_network(self.opt['network_d']), compiled=False)
        self.print_network(net_d)
        load_path = self.opt['path'].get('pretrain_network_d')
        if load_path is not None:
            self.load_network(net_d, load_path, self.opt['path'].get('strict_load_d', True))
        return net_d.train()

    def setup_optimizers(self) -> None:
        """An optimizer with a group for each part of the generator with its own rate, one for the discriminator."""
        options = dict(self.opt['train']['optim_g'])
        optim_type, lr = options.pop('type'), options.pop('lr')
        given = {prefix: options.pop(key, None) for prefix, key in self.PART_LEARNING_RATES.items()}
        filled = parameter_groups(self.get_bare_model(self.net_g), given, lr)
        self.optimizer_g = self.get_optimizer(optim_type, filled, lr, **options)
        self.optimizers.append(self.optimizer_g)
        self._step_g = GradientStep(self.optimizer_g, self.device, self.precision)
        self._gradient_steps = [self._step_g]
        self._statistics = {'net_g': RunningStatistics(self.net_g)}
        if self.net_d is not None:
            options = dict(self.opt['train']['optim_d'])
            self.optimizer_d = self.get_optimizer(options.pop('type'), self.net_d.parameters(), **options)
            self.optimizers.append(self.optimizer_d)
            self._step_d = GradientStep(self.optimizer_d, self.device)
            self._gradient_steps.append(self._step_d)
            self._statistics['net_d'] = RunningStatistics(self.net_d)

    def get_optimizer(self, optim_type: str, params: Any, lr: float, **kwargs: Any) -> torch.optim.Optimizer:
        """As BasicSR's, with Adam's and AdamW's update of all parameters in one kernel (``fused``)."""
        if optim_type in ('Adam', 'AdamW') and 'foreach' not in kwargs:
            kwargs.setdefault('fused', True)
        return super().get_optimizer(optim_type, params, lr, **kwargs)

    def optimize_parameters(self, current_iter: int) -> None:
        """One step of the discriminator and of the generator, on one forward pass of the generator.

        Raises:
            NonFiniteError: Too many steps in a row could not be taken; a checkpoint has been saved.
        """
        if self.opt.get('manual_seed') is not None:
            # The same in all processes, see draw_for_batch.
            seed_generators(derived_seed(self.opt['manual_seed'], current_iter), cuda=self.device.type == 'cuda')
        losses, skipped = self._take_steps(current_iter)
        self.log_dict = losses
        if self.ema_decay > 0:
            self.model_ema(decay=self.ema_decay)
        self._step_watch.record(current_iter, skipped, losses, self.lq_paths)
        self._judge_steps(current_iter)

    def _take_steps(self, current_iter: int) -> tuple[Losses, dict[str, Tensor]]:
        """Train on the batch; return the losses, and of each network whether its step was left out."""
        parts = self._parts()
        restore = current_iter > self.detector_iter
        guidance = 'true' if current_iter <= self.phase1_iter or self._draws_true_mask() else 'predicted'
        self._step_g.start()
        if self.net_d is not None:
            self._step_d.start()
        for statistics in self._statistics.values():
            statistics.note()
        total: Losses = OrderedDict()
        skipped: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            with self._gradients_stay_here(enabled=not is_last):
                output = self._restore_part(part, guidance=guidance, restore=restore)
                losses: Losses = OrderedDict()
                if restore and self.net_d is not None:
                    losses.update(self._discriminator_backward(output, part, n_parts=len(parts)))
                    if is_last:
                        skipped['net_d'] = self._step_d.step()
                losses.update(self._generator_backward(output, part, restore=restore, n_parts=len(parts)))
            for name, loss in losses.items():
                total[name] = total.get(name, 0) + loss.detach() / len(parts)
            self.output = output.restored.detach()
        skipped['net_g'] = self._step_g.step()
        for name, is_skipped in skipped.items():
            self._statistics[name].set_back(is_skipped)
        return total, skipped

    def _draws_true_mask(self) -> bool:
        return bool(self.true_mask_share) and float(torch.rand(())) < self.true_mask_share

    def get_current_log(self) -> dict[str, float]:
        """The last iteration's losses as numbers; only here does the host wait for the device."""
        return self.reduce_loss_dict(self.log_dict)

    def _parts(self) -> list[TrainingPart]:
        mask = self._true_mask('Training')
        n = self.accumulation_steps
        if self.lq.shape[0] % n:
            raise ValueError(
                f'Option train.accumulation_steps: a batch of {self.lq.shape[0]} images cannot be divided into {n} '
                'equal parts.'
            )
        return [TrainingPart(*part) for part in zip(self.lq.chunk(n), self.gt.chunk(n), mask.chunk(n))]

    @contextlib.contextmanager
    def _gradients_stay_here(self, *, enabled: bool) -> Iterator[None]:
        """Where several processes train, they exchange gradients once a step, in its last part."""
        with contextlib.ExitStack() as stack:
            for net in (self.net_g, self.net_d):
                if enabled and isinstance(net, DistributedDataParallel):
                    stack.enter_context(net.no_sync())
            yield

    def _restore_part(self, part: TrainingPart, *, guidance: str, restore: bool) -> BlindRestoration:
        with autocast(self.precision, self.device):
            return self.net_g(part.lq, return_all=True, true_mask=part.mask, guidance=guidance, restore=restore)

    def model_ema(self, decay: float = 0.999) -> None:
        """Move the averaged network towards the trained one, statistics of batches too, which BasicSR leaves out."""
        net = self.get_bare_model(self.net_g)
        with torch.no_grad():
            averaged, trained = self.net_g_ema.state_dict(), net.state_dict()
            moved = [name for name in trained if trained[name].is_floating_point()]
            get_ema_multi_avg_fn(decay)([averaged[name] for name in moved], [trained[name] for name in moved], 0)
            for name in trained.keys() - moved:  # counters
                averaged[name].copy_(trained[name])

    def _discriminator_backward(self, output: BlindRestoration, part: TrainingPart, *, n_parts: int) -> Losses:
        assert self.net_d is not None
        assert self.cri_gan is not None
        self.net_d.requires_grad_(True)
        fake = output.restored.detach().float()
        losses: Losses = OrderedDict()
        losses['l_d_real'] = self.cri_gan(self._scores(part.gt, part), True, is_disc=True)
        losses['l_d_fake'] = self.cri_gan(self._scores(fake, part), False, is_disc=True)
        if isinstance(self.cri_gan, HCLWGANGPLoss):
            losses['l_d_penalty'] = self.cri_gan.penalty(self.net_d, part.gt, fake)
        self._step_d.backward(torch.stack(list(losses.values())).sum() / n_parts)
        return losses

    def _scores(self, images: Tensor, part: TrainingPart) -> Tensor:
        """What the discriminator says of images (B, 3, H, W), clean ones or restorations, of this part."""
        assert self.net_d is not None
        return self.net_d(images)

    def _generator_backward(
        self, output: BlindRestoration, part: TrainingPart, *, restore: bool, n_parts: int
    ) -> Losses:
        losses = OrderedDict(self._detection_losses(output, part))
        if restore:
            losses.update(self._restoration_losses(output, part))
        if not any(loss.requires_grad for loss in losses.values()):
            raise ValueError(
                f'No loss trains the network{"" if restore else " up to train.detector_iter"}: give one, such as '
                'train.mask_opt or train.pixel_opt, that reaches a part which is not frozen.'
            )
        total = torch.stack(list(losses.values())).sum() / n_parts
        # A figure to watch, no loss: taken before the backward pass, which frees the graph, and not part of the sum.
        losses.update(adversarial_ratio(losses, output.restored))
        self._step_g.backward(total)
        return losses

    def _detection_losses(self, output: BlindRestoration, part: TrainingPart) -> dict[str, Tensor]:
        if self.mask_weight <= 0 or not output.mask_logits:
            return {}
        mask = pad_to_multiple(part.mask, self.get_bare_model(self.net_g).size_multiple)
        entropies = list[Tensor]()
        regions: dict[str, list[Tensor]] = {name: [] for name, _, _ in self.region_losses}
        for index, logits in enumerate(output.mask_logits):
            region = self._mask_of_logits(mask, output, index)
            target = F.adaptive_avg_pool2d(region, (logits.shape[-2], logits.shape[-1]))
            entropies.append(F.binary_cross_entropy_with_logits(logits.float(), target))
            # On coarse grids the cells of a thin region are neither corrupted nor clean, and overlap with nothing.
            if index == 0 or region.shape[-1] <= FINE_CELL * logits.shape[-1]:
                for name, _, loss in self.region_losses:
                    regions[name].append(loss(logits, target))
        losses = {'l_mask': self.mask_weight * torch.stack(entropies).mean()}
        for name, weight, _ in self.region_losses:
            losses[name] = weight * torch.stack(regions[name]).mean()
        return losses

    def _mask_of_logits(self, mask: Tensor, output: BlindRestoration, index: int) -> Tensor:
        """The part of the true mask (B, 1, H, W) that number ``index`` of the logits is of."""
        return mask

    def _restoration_losses(self, output: BlindRestoration, part: TrainingPart) -> dict[str, Tensor]:
        losses = {}
        images = {'coarse': output.coarse}
        if output.restored is not output.coarse:
            images['refined'] = output.restored
        if self.cri_pix is not None:
            losses.update({f'l_pix_{name}': self.cri_pix(image.float(), part.gt) for name, image in images.items()})
        losses.update(self._perceptual_losses(images, part.gt))
        if self.cri_texture is not None:
            with autocast(self.precision, self.device):
                texture, style = self.cri_texture(output.restored, part.gt)
            losses.update(_given(l_texture=texture, l_style_texture=style))
        if self.net_d is not None:
            assert self.cri_gan is not None
            # The generator's step must not leave gradients in the discriminator.
            self.net_d.requires_grad_(False)
            losses['l_g_gan'] = self.cri_gan(self._scores(output.restored.float(), part), True, is_disc=False)
        return losses

    def _perceptual_losses(self, images: Mapping[str, Tensor], truth: Tensor) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        truth_features: dict[nn.Module, dict[str, Tensor]] = {}
        with autocast(self.precision, self.device):
            for name, image in images.items():
                criterion = self.cri_perceptual_coarse if name == 'coarse' else self.cri_perceptual
                if isinstance(criterion, HCLPerceptualLoss):
                    if criterion not in truth_features:
                        truth_features[criterion] = criterion.truth_features(truth)
                    losses[f'l_percep_{name}'] = criterion.distance(image, truth_features[criterion])
                elif criterion is not None:
                    content, style = criterion(image, truth)
                    losses.update(_given(**{f'l_percep_{name}': content, f'l_style_{name}': style}))
        return losses

    def save(self, epoch: int, current_iter: int) -> None:
        """See :class:`InterruptibleModel`; the discriminator is saved too, before the state that belongs to it."""
        if self.net_d is not None:
            self.save_network(self.net_d, 'net_d', current_iter)
        super().save(epoch, current_iter)


def _given(**losses: Optional[Tensor]) -> dict[str, Tensor]:
    """The losses that are not None, as BasicSR's perceptual and style loss are where their weight is 0."""
    return {name: loss for name, loss in losses.items() if loss is not None}
