"""Blind evaluation of a restoration network in BasicSR's pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, get_args

import cv2
import torch
from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger
from basicsr.utils.dist_util import get_dist_info
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from hcl_arch.archs.blind_restoration import Guidance
from hcl_arch.models.panel import panel_row
from hcl_arch.models.validation_sample import ValidationSample, samples_of_batch
from hcl_arch.models.validation_scores import ImageScores, SampleNames, Scorer, bin_rows, gather_scores, write_csv
from hcl_arch.training.checkpoints import CheckpointError, damage_of
from hcl_arch.utils.argument_checks import check_choice
from hcl_arch.utils.hole_share_bins import check_bins
from hcl_arch.utils.model_folders import SUFFIX
from hcl_arch.utils.option_error import check_keys
from hcl_arch.utils.pictures import mask_picture, stack_rows, write_picture
from hcl_arch.utils.precision import autocast, check_precision, lower_weights
from hcl_arch.utils.weights_file import entry_of, load_weights, misfit, stored_options, weights_path

_VAL_KEYS = (
    'val_freq', 'save_img', 'max_save_img', 'suffix', 'pbar', 'metrics', 'panel_images', 'hole_share_bins', 'reverse',
    'guidance',
)  # fmt: skip


class BlindValidationModel(SRModel):
    """The part of a model that takes batches, restores them and measures the results.

    All processes share the validation, and the results do not depend on their number. With ``val.guidance: true``
    (default ``predicted``) the true mask guides the restoration, but masks are still found blindly. The option
    ``precision`` of the network is ``fp32`` (default), ``bf16`` or ``fp16``, see :mod:`hcl_arch.utils.precision`.

    Args:
        opt: BasicSR's options.

    Raises:
        ValueError: If an option is unknown.
    """

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
        self.precision = opt.get('precision', 'fp32')
        check_precision(self.precision)
        super().__init__(opt)

    def load_network(
        self, net: nn.Module, load_path: str, strict: bool = True, param_key: Optional[str] = 'params'
    ) -> None:
        """As BasicSR's, also from .safetensors and by a model's name; a file that cannot be used is named.

        Raises:
            CheckpointError: The file is missing or damaged, holds other things than tensors, or another network.
        """
        path, bare = weights_path(load_path), self.get_bare_model(net)
        damage = '' if path.suffix == SUFFIX else damage_of(path)
        if damage:
            raise CheckpointError(f'{path} {damage}. Name another file of weights.')
        try:
            state = entry_of(load_weights(path), param_key)
            options = self._options_of(bare)
            wrong = misfit(bare, state, options=options, stored=stored_options(path)) if strict else None
            if wrong:
                raise CheckpointError(wrong)
            if path.suffix != SUFFIX:
                super().load_network(net, str(path), strict, param_key)
                return
            self._print_different_keys_loading(bare, state, strict)
            bare.load_state_dict(state, strict=strict)
        except Exception as error:  # of pickle, of files that hold something else
            raise CheckpointError(f'{path}: cannot be loaded into {type(bare).__name__}: {error}') from error

    def _options_of(self, network: nn.Module) -> Optional[Mapping[str, Any]]:
        """The options that build a network of this type."""
        sections = (getattr(self, 'opt', {}).get(key) for key in ('network_g', 'network_d'))
        return next((each for each in sections if each and each.get('type') == type(network).__name__), None)

    def feed_data(self, data: Mapping[str, Any]) -> None:
        """Take a batch: ``lq`` and, where known, ``gt`` (B, 3, H, W) in [0, 1] and ``mask`` (B, 1, H, W)."""
        for name in ('lq', 'gt', 'mask'):
            if hasattr(self, name):
                delattr(self, name)
            if name in data:
                setattr(self, name, data[name].to(self.device, non_blocking=True))
        self.lq_paths: list[str] = list(data.get('lq_path', ()))

    def _true_mask(self, purpose: str) -> Tensor:
        if not hasattr(self, 'mask'):
            raise ValueError(f"{purpose} needs 'mask', which the data set does not have.")
        return self.mask

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
        with torch.no_grad(), autocast(self.precision, self.device):
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
        if not self.is_train:  # so that autocast need not convert them for every image
            lower_weights(self.get_bare_model(self.net_g), self.precision)
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
        write_picture(sample.restored, f'{stem}.png')
        write_picture(mask_picture(sample.soft_mask), f'{stem}_mask.png')
        write_picture(panel_row(sample), f'{stem}_panel.png')
        write_picture(sample.lq, f'{stem}_input.png')
        if sample.gt is not None:
            write_picture(sample.gt, f'{stem}_truth.png')
        if sample.true_mask is not None:
            write_picture(mask_picture(sample.true_mask), f'{stem}_true_mask.png')
        if sample.reversed is not None:
            write_picture(sample.reversed, f'{stem}_reversed.png')

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
            for name, count in scorer.infinite(images).items():
                if count:
                    get_root_logger().info(
                        f'{dataset_name}: {name} is infinite for {count} of {len(images)} images, '
                        'which its mean leaves out.'
                    )
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
