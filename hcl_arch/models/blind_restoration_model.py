"""BlindRestorationModel: trains and evaluates blind restoration networks in BasicSR's pipelines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Optional, get_args

import cv2
import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from basicsr.losses import build_loss
from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger, imwrite
from basicsr.utils.dist_util import get_dist_info
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from hcl_arch.archs.blind_output import BlindRestoration
from hcl_arch.archs.hcl_detector_arch import check_choice
from hcl_arch.archs.hcl_net_arch import Guidance
from hcl_arch.archs.padding import pad_to_multiple
from hcl_arch.losses.hcl_wgan_gp_loss import HCLWGANGPLoss
from hcl_arch.models.panel import panel_row
from hcl_arch.models.validation_sample import ValidationSample, samples_of_batch
from hcl_arch.models.validation_scores import (
    ImageScores,
    SampleNames,
    Scorer,
    bin_rows,
    check_bins,
    gather_scores,
    write_csv,
)
from hcl_arch.option_check import check_keys
from hcl_arch.pictures import mask_picture, stack_rows

_VAL_KEYS = (
    'val_freq', 'save_img', 'max_save_img', 'suffix', 'pbar', 'metrics', 'panel_images', 'hole_share_bins', 'reverse',
    'guidance',
)  # fmt: skip


@MODEL_REGISTRY.register()
class BlindRestorationModel(SRModel):
    """Training and blind evaluation of a network that finds a mask and restores.

    Its network takes ``net(lq, return_all=True, true_mask=..., guidance=..., restore=...)`` as ``HCLNet`` does and
    returns a named tuple that is a :class:`hcl_arch.archs.blind_output.BlindRestoration`: ``VCNet``,
    ``DetectThenRestore``, ``HCLNet``.

    Up to iteration ``train.phase1_iter`` the true mask guides the restoration, afterwards the predicted one; up to
    ``train.detector_iter`` (default 0) only the detector is trained. Losses, each with its weight, come from the
    options ``mask_opt`` (binary cross-entropy of the mask logits, averaged over the stages), ``pixel_opt`` and
    ``perceptual_opt`` (restored image, and coarse image where there is one and ``perceptual_coarse_opt`` does not say
    otherwise) and ``gan_opt``.

    Validation is shared among the processes; its results are the same for any number of them. With ``val.guidance:
    true`` (default ``predicted``) the true mask guides its restorations; the masks stay those found blindly.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown, or a needed one is missing.
    """

    TRAIN_KEYS: ClassVar[tuple[str, ...]] = (
        'ema_decay', 'optim_g', 'optim_d', 'scheduler', 'total_iter', 'warmup_iter', 'detector_iter', 'phase1_iter',
        'mask_opt', 'pixel_opt', 'perceptual_opt', 'perceptual_coarse_opt', 'gan_opt',
    )  # fmt: skip
    # Learning rates of `optim_g` for parts of the network whose parameters' names start so; the rest has `lr`.
    PART_LEARNING_RATES: ClassVar[Mapping[str, str]] = {'detector.': 'lr_detector'}
    # Of the batch; absent where the data set has none.
    mask: Tensor

    def __init__(self, opt: dict[str, Any]) -> None:
        val_options = opt.get('val') or {}
        check_keys(val_options, _VAL_KEYS, 'val')
        # `guidance: true` without quotes is a boolean in YAML.
        guidance = val_options.get('guidance', 'predicted')
        self._val_guidance = 'true' if guidance is True else guidance
        check_choice('Option val.guidance', self._val_guidance, get_args(Guidance))
        self._bins = check_bins(val_options.get('hole_share_bins'))
        if opt['is_train']:
            self.check_train_options(opt)
        super().__init__(opt)

    # ------------------------------------------------------------------ set-up

    @classmethod
    def check_train_options(cls, opt: Mapping[str, Any]) -> None:
        """Refuse training options that nobody reads, or that do not fit each other.

        Raises:
            ValueError: Naming the option.
        """
        train_opt = opt['train']
        check_keys(train_opt, cls.TRAIN_KEYS, 'train')
        check_keys(train_opt.get('mask_opt') or {}, ('loss_weight',), 'train.mask_opt')
        restorer_learns = not opt['network_g'].get('freeze_restorer')
        if opt['dist'] and train_opt.get('detector_iter') and restorer_learns and not opt.get('find_unused_parameters'):
            raise ValueError('Option train.detector_iter with several processes needs `find_unused_parameters: true`.')
        if 'phase1_iter' not in train_opt:
            raise ValueError('Option train.phase1_iter is missing: up to which iteration the true mask guides.')
        if bool(opt.get('network_d')) != bool(train_opt.get('gan_opt')):
            raise ValueError('Options network_d and train.gan_opt belong together: give both or neither.')
        if opt.get('network_d') and not train_opt.get('optim_d'):
            raise ValueError('Option train.optim_d is missing: network_d needs an optimizer.')

    def init_training_settings(self) -> None:
        """Build what training needs beside the generator: discriminator, losses, optimizers, schedulers."""
        train_opt = self.opt['train']
        self.detector_iter = train_opt.get('detector_iter', 0)
        self.phase1_iter = train_opt['phase1_iter']
        self.net_d = self._build_discriminator()
        self.cri_gan = self._build_loss('gan_opt')
        self.cri_perceptual_coarse = self._build_loss('perceptual_coarse_opt')
        self.mask_weight = (train_opt.get('mask_opt') or {}).get('loss_weight', 0.0)
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
        rates = {prefix: options.pop(key, lr) for prefix, key in self.PART_LEARNING_RATES.items()}
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
        if hasattr(self, 'mask'):
            del self.mask
        if 'mask' in data:
            self.mask = data['mask'].to(self.device)

    def _true_mask(self, purpose: str) -> Tensor:
        if not hasattr(self, 'mask'):
            raise ValueError(f"{purpose} needs 'mask', which the data set does not have.")
        return self.mask

    def optimize_parameters(self, current_iter: int) -> None:
        """One step of the discriminator and of the generator, on one forward pass of the generator."""
        guidance = 'true' if current_iter <= self.phase1_iter else 'predicted'
        restore = current_iter > self.detector_iter
        mask = self._true_mask('Training')
        output = self.net_g(self.lq, return_all=True, true_mask=mask, guidance=guidance, restore=restore)
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

    def _update_generator(self, output: BlindRestoration, losses: OrderedDict[str, Tensor], *, restore: bool) -> None:
        generator_losses = self._detection_losses(output)
        if restore:
            generator_losses.update(self._restoration_losses(output))
        if not any(loss.requires_grad for loss in generator_losses.values()):
            raise ValueError(
                f'No loss trains the network{"" if restore else " up to train.detector_iter"}: give one, such as '
                'train.mask_opt or train.pixel_opt, that reaches a part which is not frozen.'
            )
        self.optimizer_g.zero_grad()
        torch.stack(list(generator_losses.values())).sum().backward()
        self.optimizer_g.step()
        losses.update(generator_losses)

    def _detection_losses(self, output: BlindRestoration) -> dict[str, Tensor]:
        if self.mask_weight <= 0 or not output.mask_logits:
            return {}
        mask = pad_to_multiple(self.mask, self.get_bare_model(self.net_g).size_multiple)
        stages = []
        for logits in output.mask_logits:
            clean_share = F.adaptive_avg_pool2d(mask, (logits.shape[-2], logits.shape[-1]))
            stages.append(F.binary_cross_entropy_with_logits(logits, clean_share))
        return {'l_mask': self.mask_weight * torch.stack(stages).mean()}

    def _restoration_losses(self, output: BlindRestoration) -> dict[str, Tensor]:
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
        """Restore the batch, with the averaged network where there is one; blindly, but for ``val.guidance: true``.

        Raises:
            ValueError: If the true mask shall guide and the data set has none.
        """
        guide: dict[str, Any] = {}
        if self._val_guidance == 'true':
            guide = {'true_mask': self._true_mask('Option val.guidance: true'), 'guidance': 'true'}
        net = self.net_g_ema if hasattr(self, 'net_g_ema') else self.get_bare_model(self.net_g)
        was_training = net.training
        net.eval()
        with torch.no_grad():
            self.full_output = net(self.lq, return_all=True, **guide)
            if guide:
                # Of a pass without the true mask, which would tell HCLNet which of its clusters is which.
                found = net(self.lq, return_all=True, restore=False)
                restored, coarse = self.full_output.restored, self.full_output.coarse
                self.full_output = found._replace(restored=restored, coarse=coarse)
            reverse = (self.opt.get('val') or {}).get('reverse', False)
            self.reversed_images = net(self.lq, reverse=True, **guide) if reverse else None
        net.train(was_training)
        self.output = self.full_output.restored

    def dist_validation(self, dataloader: DataLoader, current_iter: Any, tb_logger: Any, save_img: bool) -> None:
        """As :meth:`nondist_validation`, each process with its share of the images; the first one reports."""
        rank, world_size = get_dist_info()
        indices = range(rank, len(dataloader.dataset), world_size)  # type: ignore[arg-type]
        share: DataLoader = DataLoader(
            Subset(dataloader.dataset, indices),
            batch_size=dataloader.batch_size,
            num_workers=dataloader.num_workers,
            collate_fn=dataloader.collate_fn,
            worker_init_fn=dataloader.worker_init_fn,
        )
        self._validate(dataloader, share, indices, current_iter, tb_logger, save_img)

    def nondist_validation(self, dataloader: DataLoader, current_iter: Any, tb_logger: Any, save_img: bool) -> None:
        """Restore a data set blindly, measure every image, report the means, draw panels.

        Args:
            dataloader: Batches of any size with ``lq``, ``lq_path`` and, where known, ``gt``, ``mask``, ``corruption``.
            current_iter: Iteration; in testing BasicSR gives the run's name.
            tb_logger: TensorBoard's writer or None.
            save_img: Whether to save restored images, masks and panels.
        """
        indices = range(len(dataloader.dataset))  # type: ignore[arg-type]
        self._validate(dataloader, dataloader, indices, current_iter, tb_logger, save_img)

    def _validate(
        self,
        dataloader: DataLoader,
        share: DataLoader,
        indices: range,
        current_iter: Any,
        tb_logger: Any,
        save_img: bool,
    ) -> None:
        options, dataset_name = self.opt['val'], dataloader.dataset.opt['name']  # type: ignore[attr-defined]
        scorer = Scorer(options.get('metrics') or {})
        # Processes without a TensorBoard writer draw their share of the sheet too.
        n_panels = options.get('panel_images', 8) if self.is_train else 0
        max_saved = options.get('max_save_img')
        own: list[ImageScores] = []
        samples = self._restored_samples(dataloader, share, indices, show_progress=options.get('pbar', False))
        for index, sample in samples:
            own.append(scorer.score(sample, index, panel_row(sample) if index < n_panels else None))
            if save_img and (max_saved is None or index < max_saved):
                self._save_images(sample, dataset_name, current_iter)
        images = gather_scores(own)
        if get_dist_info()[0] == 0:
            self._report(images, scorer, dataset_name, current_iter, tb_logger)

    def _restored_samples(
        self, dataloader: DataLoader, share: DataLoader, indices: range, *, show_progress: bool
    ) -> Iterator[tuple[int, ValidationSample]]:
        """Restore this process's share of the images; `indices` are their places in the data set."""
        size_multiple = self.get_bare_model(self.net_g).size_multiple
        names = SampleNames(dataloader.dataset)
        done = 0
        for batch in tqdm(share, unit='batch', disable=not show_progress or get_dist_info()[0] != 0):
            self.feed_data(batch)
            self.test()
            batch_indices = indices[done : done + len(batch['lq_path'])]
            done += len(batch_indices)
            batch_names = [names.of(index, path) for index, path in zip(batch_indices, batch['lq_path'])]
            samples = samples_of_batch(batch, batch_names, self.full_output, size_multiple, self.reversed_images)
            yield from zip(batch_indices, samples)

    def _save_images(self, sample: ValidationSample, dataset_name: str, current_iter: Any) -> None:
        """Save the images, the masks (white = corrupted) and the panel in the visualization folder."""
        tag = current_iter if self.is_train else self.opt['val'].get('suffix') or self.opt['name']
        stem = f'{self.opt["path"]["visualization"]}/{dataset_name}/{sample.name}_{tag}'
        imwrite(sample.restored, f'{stem}.png')
        imwrite(mask_picture(sample.soft_mask), f'{stem}_mask.png')
        imwrite(panel_row(sample), f'{stem}_panel.png')
        imwrite(sample.lq, f'{stem}_input.png')
        if sample.gt is not None:
            imwrite(sample.gt, f'{stem}_truth.png')
        if sample.true_mask is not None:
            imwrite(mask_picture(sample.true_mask), f'{stem}_true_mask.png')
        if sample.reversed is not None:
            imwrite(sample.reversed, f'{stem}_reversed.png')

    def _report(
        self, images: list[ImageScores], scorer: Scorer, dataset_name: str, current_iter: Any, tb_logger: Any
    ) -> None:
        """Log the means as BasicSR does, draw the sheet of panels and, in testing, write the CSV files."""
        if scorer.names:
            self.metric_results = scorer.means(images)
            self._initialize_best_metric_results(dataset_name)
            for name, value in self.metric_results.items():
                self._update_best_metric_result(dataset_name, name, value, current_iter)
            self._log_validation_metric_values(current_iter, dataset_name, tb_logger)
        panels = [image.panel for image in images if image.panel is not None]
        if panels and tb_logger is not None:
            sheet = cv2.cvtColor(stack_rows(panels), cv2.COLOR_BGR2RGB)
            tb_logger.add_image(f'panel/{dataset_name}', sheet, current_iter, dataformats='HWC')
        if not self.is_train:
            folder = Path(self.opt['path']['results_root'])
            folder.mkdir(parents=True, exist_ok=True)
            write_csv(folder / f'{dataset_name}.csv', [image.row for image in images])
            write_csv(folder / f'{dataset_name}_bins.csv', bin_rows(images, self._bins, scorer))
            get_root_logger().info(f'Scores of every image: {folder / dataset_name}.csv; in bins: *_bins.csv')
