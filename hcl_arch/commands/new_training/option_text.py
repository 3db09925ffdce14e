"""The option file as text, with comments for those who change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, Optional

import yaml


class Plan(NamedTuple):
    """What an option file says."""

    name: str
    folder: str
    """Where train/ and val/ are."""
    size: int
    batch: int
    iterations: int
    network: Mapping[str, Any]
    """Options with ``type``."""
    model: Optional[str]
    """To go on from; None: from scratch."""
    marks: Optional[Path]
    fonts: Optional[Path]


# Its corruption is that of options/train_hcl_small.yml, but for the masks, which need no files; detector and restorer
# learn at once.
_TEXT = Template("""\
# Training on the photographs of $folder, made by hcl-new-training. Change it as you like.
#   python -m hcl_arch.commands.preview -opt $name.yml -o $name.png     look at what it trains on
#   hcl-train -opt $name.yml                                            --auto_resume goes on after a break
# hcl-train --check -opt $name.yml lists every mistake without training.

name: $name
model_type: BlindRestorationModel
num_gpu: auto  # all that are there; without one, the processor
find_unused_parameters: true  # for several processes
manual_seed: 0

datasets:
  train:
    name: train
    type: BlindCorruptionDataset
    dataroot_gt: $train
    dataroot_noise: $train  # what pasted parts come from
$fonts\
    io_backend: {type: disk}
    gt_size: $size
    crop_scale: [0.45, 1.0]
    native_prob: 0.8  # as hcl-restore enlarges what it looks at closely
    native_size: [$native, $size]
    sharpen_prob: 0.3
    tone_prob: 0.1
    use_hflip: true
    corruptions: &corruptions  # kinds and how often they come; leave out what your pictures do not have
      clean: 5.5
      bars: 0.8
      scribbles: 1.2
      stickers: {weight: 0.7$marks}
      captions: 1.1
      date_stamps: 1.4
      single_mark: {weight: 1.6$marks}
      tiled_marks: {weight: 1.6$marks}
      mosaic: 0.6
      lost_blocks: 0.9
      old_print: 2.2
      hard_paste: 1.3
      soft_paste: 1.6
      patch: {weight: 0.5, hole_share: [0.01, 0.6], blur_sigma: [0.0, 3.0]}
      constant: {weight: 0.15, blur_sigma: [0.0, 3.0]}
      noise: {weight: 0.15, blur_sigma: [0.0, 3.0]}
      graffiti: {weight: 0.2, hole_share: [0.01, 0.6]}
      shadow: {weight: 0.1}
    second_kind: 0.4
    masks: {free_form: 0.4, random_walk: 0.3, rectangles: 0.3}
    hole_share: [0.01, 0.5]
    degradation:  # files as they come from phones and chats
      prob: 0.8
      blur_prob: 0.15
      blur_sigma: [0.3, 1.2]
      resize_prob: 0.3
      resize_range: [0.45, 1.6]
      noise_prob: 0.35
      noise_sigma: [0.5, 7.0]
      jpeg_prob: 0.75
      jpeg_quality: [40, 95]
      webp_prob: 0.03
      webp_quality: [40, 95]
      second_jpeg_prob: 0.2
    num_worker_per_gpu: 2
    batch_size_per_gpu: $batch  # halve it if memory runs out
    dataset_enlarge_ratio: 100
    prefetch_mode: ~

  val:
    name: val
    type: BlindCorruptionDataset
    dataroot_gt: $val
    dataroot_noise: $val
$fonts\
    io_backend: {type: disk}
    gt_size: $size
    corruptions: *corruptions
    masks: {free_form: 0.4, random_walk: 0.3, rectangles: 0.3}
    hole_share: [0.01, 0.5]
    max_samples: 100
    seed: 0

network_g:
$network
path:
  pretrain_network_g: $pretrained
  strict_load_g: true
  resume_state: ~

train:
  ema_decay: $ema
  optim_g:
    type: Adam
    lr: !!float $rate
    lr_detector: !!float $rate
    lr_backbone: !!float $half_rate
    betas: [0.9, 0.99]
    fused: true
  scheduler:
    type: CosineAnnealingRestartLR
    periods: [$iterations]
    restart_weights: [1]
    eta_min: !!float 1e-6
  total_iter: $iterations
  warmup_iter: $warmup
  phase1_iter: $iterations  # the true masks guide the repair all the time
  mask_opt: {loss_weight: 3.0, lovasz_weight: 1.0}
  pixel_opt: {type: L1Loss, loss_weight: 5.0, reduction: mean}

val:
  pbar: false
  val_freq: $often
  save_img: true  # pictures of the first few: experiments/$name/visualization
  max_save_img: 8
  metrics:
    corrupted_iou: {type: calculate_corrupted_iou}  # of what is found: 1 = exactly what is corrupted
    psnr_input: {type: calculate_psnr, crop_border: 0, image: lq}
    psnr: {type: calculate_psnr, crop_border: 0}

logger:
  print_freq: $print_freq
  save_checkpoint_freq: $often
  keep_checkpoints: 2
  use_tb_logger: true
""")


def option_text(plan: Plan) -> str:
    """The text of the option file."""
    # From scratch as fast as the packaged model's parts were begun, further training an eighth of that.
    rate = 1e-3 if plan.model is None else 1.2e-4
    network = yaml.safe_dump(dict(plan.network), sort_keys=False, default_flow_style=None)
    return _TEXT.substitute(
        name=plan.name,
        folder=plan.folder,
        train=_quoted(f'{plan.folder}/train'),
        val=_quoted(f'{plan.folder}/val'),
        fonts='' if plan.fonts is None else f'    dataroot_fonts: {_quoted(str(plan.fonts))}\n',
        marks='' if plan.marks is None else f', dataroot: {_quoted(str(plan.marks))}',
        size=plan.size,
        native=plan.size * 3 // 8,
        batch=plan.batch,
        network=''.join(f'  {line}\n' for line in network.splitlines()),
        pretrained='~' if plan.model is None else _quoted(plan.model),
        ema=0.999 if plan.iterations >= 5000 else 0.99,
        rate=rate,
        half_rate=rate / 2,
        iterations=plan.iterations,
        warmup=min(200, plan.iterations // 10) or -1,
        often=max(1, min(plan.iterations // 10, 1000)),
        print_freq=max(1, min(plan.iterations // 100, 100)),
    )


def _quoted(text: str) -> str:
    """A text as YAML takes it, whatever it holds."""
    return text if text.replace('/', '').replace('_', '').replace('-', '').isalnum() else json.dumps(text)
