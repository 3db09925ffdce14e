"""HCLModel: trains and evaluates HCLNet in BasicSR's pipelines."""

from __future__ import annotations

import csv
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from basicsr.losses import build_loss
from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger, imwrite
from basicsr.utils.registry import MODEL_REGISTRY
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from hcl_arch.archs.hcl_net_arch import HCLOutput
from hcl_arch.archs.padding import pad_to_multiple
from hcl_arch.losses.hcl_wgan_gp_loss import HCLWGANGPLoss
from hcl_arch.models.panel import panel_row
from hcl_arch.models.validation_sample import ValidationSample, samples_of_batch
from hcl_arch.option_check import check_keys
from hcl_arch.pictures import mask_picture, stack_rows

_TRAIN_KEYS = (
    'ema_decay', 'optim_g', 'optim_d', 'scheduler', 'total_iter', 'warmup_iter', 'detector_iter', 'phase1_iter',
    'pixel_opt', 'perceptual_opt', 'perceptual_coarse_opt', 'contrastive_opt', 'classifier_opt', 'gan_opt',
)  # fmt: skip
_VAL_KEYS = ('val_freq', 'save_img', 'suffix', 'pbar', 'metrics', 'panel_images')
# Learning rates of `optim_g` for parts of the network whose parameters' names start so; the rest has `lr`.
_PART_LEARNING_RATES = {'refiner.': 'lr_refiner', 'detector.classifier.': 'lr_classifier'}


@MODEL_REGISTRY.register()
class HCLModel(SRModel):
    """Two-phase training and blind evaluation of ``HCLNet`` (Section 3.4).

    Up to iteration ``train.phase1_iter`` decoder and refiner are guided by the true mask, afterwards by the predicted
    one. Losses, each with its weight, come from the options ``pixel_opt`` and ``perceptual_opt`` (refined image, and
    coarse image where ``perceptual_coarse_opt`` does not say otherwise), ``contrastive_opt``, ``classifier_opt`` and
    ``gan_opt``. ``optim_g`` may give ``lr_refiner`` and ``lr_classifier`` beside ``lr``.

    Differs from the paper, only where asked for, so that a short training learns more: up to ``train.detector_iter``
    (default 0) only the detector is trained; with ``classifier_opt.pixel_weight`` (default 0) the classifier learns
    from the coarsest stage's pixels too, whose target is the uncorrupted share of their patch of the true mask.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown, or a needed one is missing.
    """

    def __init__(self, opt: dict[str, Any]) -> None:
        check_keys(opt.get('val') or {}, _VAL_KEYS, 'val')
        if opt['is_train']:
            _check_train_options(opt)
        super().__init__(opt)

    # ------------------------------------------------------------------ set-up

    def init_training_settings(self) -> None:
        """Build what training needs beside the generator: discriminator, losses, optimizers, schedulers."""
        train_opt = self.opt['train']
        self.detector_iter = train_opt.get('detector_iter', 0)
        self.phase1_iter = train_opt['phase1_iter']
        self.net_d = self._build_discriminator()
        self.cri_gan = self._build_loss('gan_opt')
        self.cri_contrastive = self._build_loss('contrastive_opt')
        self.cri_perceptual_coarse = self._build_loss('perceptual_coarse_opt')
        classifier_opt = train_opt.get('classifier_opt') or {}
        self.classifier_weight = classifier_opt.get('loss_weight', 0.0)
        self.pixel_weight = classifier_opt.get('pixel_weight', 0.0)
        super().init_training_settings()
        if self.cri_perceptual_coarse is None:
            self.cri_perceptual_coarse = self.cri_perceptual

    def model_to_device(self, net: nn.Module) -> nn.Module:
        """Move a network to the device and wrap it; unlike BasicSR's, also for several processes without a GPU."""
        if self.opt['dist'] and self.device.type == 'cpu':
            return DistributedDataParallel(net)
        return super().model_to_device(net)

    def _build_loss(self, name: str) -> Optional[nn.Module]:
        options = self.opt['train'].get(name)
        return build_loss(options).to(self.device) if options else None

    def _build_discriminator(self) -> Optional[nn.Module]:
        if not self.opt.get('network_d'):
            return None
        net_d = self.model_to_device(build_network(self.opt['network_d']))
        self.print_network(net_d)
        load_path = self.opt['path'].get('pretrain_network_d')
        if load_path is not None:
            self.load_network(net_d, load_path, self.opt['path'].get('strict_load_d', True))
        return net_d.train()

    def setup_optimizers(self) -> None:
        """An optimizer with a group for each part of the generator with its own rate, one for the discriminator."""
        options = dict(self.opt['train']['optim_g'])
        optim_type, lr = options.pop('type'), options.pop('lr')
        rates = {prefix: options.pop(key, lr) for prefix, key in _PART_LEARNING_RATES.items()}
        groups: dict[str, dict[str, Any]] = {
            prefix: {'params': [], 'lr': rates.get(prefix, lr)} for prefix in ('', *rates)
        }
        for name, parameter in self.get_bare_model(self.net_g).named_parameters():
            if parameter.requires_grad:
                prefix = next((prefix for prefix in rates if name.startswith(prefix)), '')
                groups[prefix]['params'].append(parameter)
        filled = [group for group in groups.values() if group['params']]
        self.optimizer_g = self.get_optimizer(optim_type, filled, lr, **options)
        self.optimizers.append(self.optimizer_g)
        if self.net_d is not None:
            options = dict(self.opt['train']['optim_d'])
            self.optimizer_d = self.get_optimizer(options.pop('type'), self.net_d.parameters(), **options)
            self.optimizers.append(self.optimizer_d)

    # ------------------------------------------------------------------ training

    def feed_data(self, data: Mapping[str, Any]) -> None:
        """Take a batch: ``lq`` and, where known, ``gt`` (B, 3, H, W) in [0, 1] and ``mask`` (B, 1, H, W)."""
        super().feed_data(data)
        if 'mask' in data:
            self.mask = data['mask'].to(self.device)

    def optimize_parameters(self, current_iter: int) -> None:
        """One step of the discriminator and of the generator, on one forward pass of the generator."""
        guidance = 'true' if current_iter <= self.phase1_iter else 'predicted'
        restore = current_iter > self.detector_iter
        output = self.net_g(self.lq, return_all=True, true_mask=self.mask, guidance=guidance, restore=restore)
        self.output = output.restored
        losses: OrderedDict[str, Tensor] = OrderedDict()
        if restore and self.net_d is not None:
            self._update_discriminator(losses)
        self._update_generator(output, losses, restore=restore)
        self.log_dict = self.reduce_loss_dict(losses)
        if self.ema_decay > 0:
            self.model_ema(decay=self.ema_decay)

    def model_ema(self, decay: float = 0.999) -> None:
        """Move the averaged network towards the trained one; buffers, which BasicSR leaves out, are copied."""
        super().model_ema(decay)
        averaged = dict(self.net_g_ema.named_buffers())
        for name, buffer in self.get_bare_model(self.net_g).named_buffers():
            averaged[name].copy_(buffer)

    def _update_discriminator(self, losses: OrderedDict[str, Tensor]) -> None:
        assert self.net_d is not None
        assert self.cri_gan is not None
        self.net_d.requires_grad_(True)
        fake = self.output.detach()
        losses['l_d_real'] = self.cri_gan(self.net_d(self.gt), True, is_disc=True)
        losses['l_d_fake'] = self.cri_gan(self.net_d(fake), False, is_disc=True)
        total = losses['l_d_real'] + losses['l_d_fake']
        if isinstance(self.cri_gan, HCLWGANGPLoss):
            losses['l_d_penalty'] = self.cri_gan.penalty(self.net_d, self.gt, fake)
            total = total + losses['l_d_penalty']
        self.optimizer_d.zero_grad()
        total.backward()
        self.optimizer_d.step()

    def _update_generator(self, output: HCLOutput, losses: OrderedDict[str, Tensor], *, restore: bool) -> None:
        generator_losses = self._detection_losses(output)
        if restore:
            generator_losses.update(self._restoration_losses(output))
        self.optimizer_g.zero_grad()
        torch.stack(list(generator_losses.values())).sum().backward()
        self.optimizer_g.step()
        losses.update(generator_losses)

    def _detection_losses(self, output: HCLOutput) -> dict[str, Tensor]:
        losses = {}
        mask = pad_to_multiple(self.mask, self.get_bare_model(self.net_g).size_multiple)
        if self.cri_contrastive is not None:
            for stage, loss in enumerate(self.cri_contrastive(output.embeddings, output.stages, mask)):
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

    def _restoration_losses(self, output: HCLOutput) -> dict[str, Tensor]:
        losses = {}
        images = {'coarse': (output.coarse, self.cri_perceptual_coarse)}
        if output.restored is not output.coarse:
            images['refined'] = (output.restored, self.cri_perceptual)
        for name, (image, cri_perceptual) in images.items():
            if self.cri_pix is not None:
                losses[f'l_pix_{name}'] = self.cri_pix(image, self.gt)
            if cri_perceptual is not None:
                losses[f'l_percep_{name}'], _ = cri_perceptual(image, self.gt)
        if self.net_d is not None:
            assert self.cri_gan is not None
            # The generator's step must not leave gradients in the discriminator.
            self.net_d.requires_grad_(False)
            losses['l_g_gan'] = self.cri_gan(self.net_d(output.restored), True, is_disc=False)
        return losses

    def save(self, epoch: int, current_iter: int) -> None:
        """Save networks and training state in BasicSR's layout; the state last, so that it never names missing ones."""
        if self.net_d is not None:
            self.save_network(self.net_d, 'net_d', current_iter)
        super().save(epoch, current_iter)

    # ------------------------------------------------------------------ validation

    def test(self) -> None:
        """Restore the batch blindly, with the averaged network where there is one."""
        net = self.net_g_ema if hasattr(self, 'net_g_ema') else self.get_bare_model(self.net_g)
        was_training = net.training
        net.eval()
        with torch.no_grad():
            self.full_output = net(self.lq, return_all=True)
        net.train(was_training)
        self.output = self.full_output.restored

    def nondist_validation(self, dataloader: DataLoader, current_iter: Any, tb_logger: Any, save_img: bool) -> None:
        """Restore a data set blindly, measure every image, report the means, draw panels.

        Args:
            dataloader: Batches of any size with ``lq``, ``lq_path`` and, where known, ``gt``, ``mask``, ``corruption``.
            current_iter: Iteration; in testing BasicSR gives the run's name.
            tb_logger: TensorBoard's writer or None.
            save_img: Whether to save restored images, masks and panels.
        """
        options, dataset_name = self.opt['val'], dataloader.dataset.opt['name']  # type: ignore[attr-defined]
        metrics: Mapping[str, Any] = options.get('metrics') or {}
        n_panels = options.get('panel_images', 8) if tb_logger is not None else 0
        rows: list[dict[str, Any]] = []
        panels: list[NDArray] = []
        for sample in self._restored_samples(dataloader, show_progress=options.get('pbar', False)):
            about = {'image': sample.name, 'corruption': sample.corruption, 'hole_share': sample.hole_share}
            rows.append({**about, **{name: sample.score(metric) for name, metric in metrics.items()}})
            if save_img:
                self._save_images(sample, dataset_name, current_iter)
            if len(panels) < n_panels:
                panels.append(panel_row(sample))
        self._report(rows, list(metrics), dataset_name, current_iter, tb_logger)
        if panels:
            sheet = cv2.cvtColor(stack_rows(panels), cv2.COLOR_BGR2RGB)
            tb_logger.add_image(f'panel/{dataset_name}', sheet, current_iter, dataformats='HWC')

    def _restored_samples(self, dataloader: DataLoader, *, show_progress: bool) -> Iterator[ValidationSample]:
        size_multiple = self.get_bare_model(self.net_g).size_multiple
        used_names: Counter[str] = Counter()
        for batch in tqdm(dataloader, unit='batch', disable=not show_progress):
            self.feed_data(batch)
            self.test()
            names = []
            for path in batch['lq_path']:
                stem = Path(path).stem
                # Images of one name from two folders must not overwrite each other.
                names.append(f'{stem}_{used_names[stem]}' if used_names[stem] else stem)
                used_names[stem] += 1
            yield from samples_of_batch(batch, names, self.full_output, size_multiple)

    def _save_images(self, sample: ValidationSample, dataset_name: str, current_iter: Any) -> None:
        """Save the restored image, the mask (white = corrupted) and the panel in the visualization folder."""
        tag = current_iter if self.is_train else self.opt['val'].get('suffix') or self.opt['name']
        stem = f'{self.opt["path"]["visualization"]}/{dataset_name}/{sample.name}_{tag}'
        imwrite(sample.restored, f'{stem}.png')
        imwrite(mask_picture(sample.soft_mask), f'{stem}_mask.png')
        imwrite(panel_row(sample), f'{stem}_panel.png')

    def _report(
        self, rows: list[dict[str, Any]], metrics: list[str], dataset_name: str, current_iter: Any, tb_logger: Any
    ) -> None:
        """Log the means as BasicSR does and, in testing, write every image's scores to a CSV file."""
        if metrics:
            self.metric_results = {name: float(np.mean([row[name] for row in rows])) for name in metrics}
            self._initialize_best_metric_results(dataset_name)
            for name, value in self.metric_results.items():
                self._update_best_metric_result(dataset_name, name, value, current_iter)
            self._log_validation_metric_values(current_iter, dataset_name, tb_logger)
        if not self.is_train:
            path = Path(self.opt['path']['results_root']) / f'{dataset_name}.csv'
            with path.open('w', newline='') as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            get_root_logger().info(f'Scores of every image: {path}')


def _check_train_options(opt: Mapping[str, Any]) -> None:
    train_opt = opt['train']
    check_keys(train_opt, _TRAIN_KEYS, 'train')
    check_keys(train_opt.get('classifier_opt') or {}, ('loss_weight', 'pixel_weight'), 'train.classifier_opt')
    if opt['dist'] and train_opt.get('detector_iter') and not opt.get('find_unused_parameters'):
        raise ValueError('Option train.detector_iter with several processes needs `find_unused_parameters: true`.')
    if 'phase1_iter' not in train_opt:
        raise ValueError('Option train.phase1_iter is missing: up to which iteration the true mask guides the decoder.')
    if bool(opt.get('network_d')) != bool(train_opt.get('gan_opt')):
        raise ValueError('Options network_d and train.gan_opt belong together: give both or neither.')
    if opt.get('network_d') and not train_opt.get('optim_d'):
        raise ValueError('Option train.optim_d is missing: network_d needs an optimizer.')
