"""An option file's training in small: narrow networks, few pictures of 64 pixels, few iterations, all of its losses.

It runs through the project's own training command, inside this process, and is measured before and after on the same
corrupted pictures, as validation does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import basicsr.train
import cv2
import numpy as np
import pytest
import skimage.data
import torch
import torchvision
import yaml
from basicsr.data import build_dataset
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import default_collate

from hcl_arch.commands.basicsr_run import run_pipeline
from hcl_arch.metrics import calculate_mask_auc

Options = dict[str, Any]

ITERATIONS = 150
SIZE, BATCH = 64, 4
MEASURED = 8
"""Pictures that a network is measured on."""
# Of those where the file draws the holes. Where little is spoilt, a copy of the input is hard to surpass so soon.
MEASURED_HOLES = [0.3, 0.5]
# The paper's rates, of some 1e-4, hardly move a small network in so few iterations.
LEAST_RATE = 1e-3
# Of the iterations that a file's first phase may have, where only the detector learns.
DETECTOR_SHARE = 1 / 5
VGG_DIMS = [4, 8, 16, 16, 16]

# Of each network the most that an option has, each entry of a list; one that the file leaves alone stays so.
_SMALL_HCL = {'dim': 8, 'n_conv_stages': 1, 'encoder_depths': 1, 'decoder_depths': 1,
              'bottleneck_depth': 1, 'window_size': 4, 'bottleneck_window_size': 4, 'proj_dim': 16}  # fmt: skip
SMALL: dict[str, Options] = {
    'HCLNet': _SMALL_HCL,
    'HCLDetector': _SMALL_HCL,
    'HCLRefineNet': {'dim': 8},
    'HCLRepairNet': {'dim': 8},
    'DetectThenRestore': {},
    'SegmenterDetector': {'dim': 48, 'depth': 3, 'num_heads': 3, 'patch_size': 8, 'decoder_depth': 1,
                          'image_size': SIZE},
    'RRDBNet': {'num_feat': 16, 'num_block': 1},
    'VCNet': {'dim': 8, 'detector_blocks': 1, 'inpainter_blocks': 1},
    'MPRNet': {'dim': 8, 'dim_step': 4, 'last_dim_step': 4, 'n_blocks': 1},
    'SplitThenRefine': {'dim': 8, 'n_units': 1, 'gate_reduction': 4, 'attention_reduction': 4},
    'BVMR': {'dim': 8, 'n_units': 1},
    'BS2AM': {'dim': 16, 'n_levels': 5, 'reduction': 4},
    'SIRF': {'dim': 16},
    'DHAN': {'dim': 16},
    'HCLPatchDiscriminator': {'dim': 8},
    'ConditionalPatchDiscriminator': {'dim': 16},
}  # fmt: skip


class Measured(NamedTuple):
    """How a network does on the measured pictures."""

    psnr: float
    """Of the restored pictures, in dB, the mean over the pictures."""
    auc: float
    """Of the mask, over all pixels; 0.5 where the network has none."""
    saturated: float
    """Share of the restored values at 0 or 1 beyond that of the truth."""
    finite: bool


class Trained(NamedTuple):
    """What became of a training."""

    restores: bool
    """Whether the file trains what restores, or a detector alone."""
    input_psnr: float
    before: Measured
    after: Measured
    log: Mapping[str, list[float]]
    """What TensorBoard has, each figure for all iterations."""
    skipped: int
    """Steps that were left out as not finite."""
    seconds: float
    """Of the processor, whatever else it does meanwhile."""


# ------------------------------------------------------------------ the option file in small


def shorten(options: Options, data: Path) -> Options:
    """Shrink the options of a training in place, for the pictures that :func:`write_pictures` made in `data`."""
    for key in ('network_g', 'network_d'):
        if key in options:
            _shrink_network(options[key])
    if options.get('network_d', {}).get('type') == 'HCLPatchDiscriminator':
        # As many scores as at full width: the share of each in the adversarial loss decides how hard that pulls.
        options['network_d']['dim_mults'] = [1, 2, 2, 4, 64]
    options.update(num_gpu=0)
    options['path'] = {'resume_state': None}  # from scratch, fine-tunings too
    _shorten_training(options)
    _give_pictures(options['datasets'], data)
    options.pop('val', None)
    if _true_masks_only(options):
        options['val'] = {'val_freq': 10 * ITERATIONS, 'save_img': False, 'guidance': 'true'}
    options['logger'] = {'print_freq': 1, 'save_checkpoint_freq': 10 * ITERATIONS, 'use_tb_logger': True}
    return options


def _shrink_network(network: Options) -> None:
    for key, small in SMALL[network['type']].items():
        if key in network:
            value = network[key]
            network[key] = [min(one, small) for one in value] if isinstance(value, list) else min(value, small)
    if 'look_window' in network:
        network['look_window'] = SIZE
    if 'vgg_weights' in network:
        network.update(vgg_weights='random', vgg_dims=VGG_DIMS)
    if 'weight_init' in network:
        # Deviations of 0.02 suit wide layers; narrow ones would learn next to nothing in so few iterations.
        network['weight_init'] = 'torch'
    for key in [key for key in network if key.endswith('_weights') and key != 'vgg_weights']:
        del network[key]
    for part in ('refiner', 'filler', 'detector', 'restorer'):
        if part in network:
            _shrink_network(network[part])


def _shorten_training(options: Options) -> None:
    train = options['train']
    total, detector = train['total_iter'], train.get('detector_iter', 0)

    def shrunk(iteration: int) -> int:
        """Where in the short training an iteration lies, the phases stretched where they would be too short."""
        if not 0 < detector < total:
            return round(iteration * ITERATIONS / total)
        first = round(min(detector / total, DETECTOR_SHARE) * ITERATIONS)
        if iteration <= detector:
            return round(iteration * first / detector)
        return first + round((iteration - detector) * (ITERATIONS - first) / (total - detector))

    scheduler = train['scheduler']
    if 'periods' in scheduler:
        ends = [shrunk(int(end)) for end in np.cumsum(scheduler['periods'])]
        scheduler['periods'] = [end - start for start, end in zip([0, *ends], ends)]
    if train.get('ema_decay'):  # as many of its memories in the training
        train['ema_decay'] = 1 - (1 - train['ema_decay']) * total / ITERATIONS
    train.update(total_iter=ITERATIONS, phase1_iter=shrunk(train['phase1_iter']))
    train['warmup_iter'] = shrunk(train['warmup_iter']) if train['warmup_iter'] > 0 else -1
    if detector:
        train['detector_iter'] = shrunk(detector)
    rates = train['optim_g']
    for key in [key for key in rates if key.startswith('lr')]:
        rates[key] = max(rates[key], LEAST_RATE)
    for loss in train.values():
        if isinstance(loss, dict) and 'max_pixels' in loss:  # draws this many; most of the time would be theirs
            loss.update(max_pixels=128, max_representatives=64)
        for key in ('weights', 'vgg_weights'):
            if isinstance(loss, dict) and key in loss:
                loss[key] = 'random'
                loss.update({'vgg_dims': VGG_DIMS} if loss['type'].startswith('SIRF') else {})


def _give_pictures(datasets: Options, data: Path) -> None:
    train = datasets['train']
    datasets.clear()
    datasets['train'] = train
    for key in [key for key in train if key.startswith('dataroot') or key.endswith('_template')]:
        role = key.removeprefix('dataroot_')
        if role == 'fonts' or key.endswith('_template'):
            del train[key]
        else:
            train[key] = str(data / role)
    for corruption in train.get('corruptions', {}).values():
        if isinstance(corruption, dict) and corruption.pop('dataroot', None) and corruption.get('type') == 'patch':
            corruption['dataroot'] = str(data / 'noise')
    if 'native_size' in train:
        train['native_size'] = [side * SIZE / train['gt_size'] for side in train['native_size']]
    # A batch of one is what SIRF and DHAN train with, whose norms take each image's own statistics.
    train.update(gt_size=SIZE, io_backend={'type': 'disk'}, batch_size_per_gpu=BATCH, num_worker_per_gpu=0,
                 dataset_enlarge_ratio=100)  # fmt: skip


def _true_masks_only(options: Options) -> bool:
    """Whether a restorer is trained by true masks, beside a detector that never learns."""
    return bool(options['network_g'].get('freeze_detector'))


def restores(options: Options) -> bool:
    """Whether a training goes beyond its detector."""
    return options['train'].get('detector_iter', 0) < options['train']['total_iter']


# ------------------------------------------------------------------ pictures

PHOTOGRAPHS = ('astronaut', 'coffee', 'chelsea', 'rocket')
TEXTURES = ('brick', 'grass', 'gravel')


def write_pictures(folder: Path) -> None:
    """Make folders of pictures for all kinds of data sets.

    `gt`: squares of photographs; `noise`: of others, which look otherwise; `mask`: white where corrupted; `wm`: what
    lies upon the truth; `lq`: the truth with that over it, nine tenths opaque, where the mask is white.
    """
    generator = np.random.default_rng(0)
    photographs = [getattr(skimage.data, name)() for name in PHOTOGRAPHS]
    textures = [getattr(skimage.data, name)() for name in TEXTURES]
    for index in range(24):
        truth = _square(photographs[index % len(photographs)], generator)
        noise = _garish(_square(textures[index % len(textures)], generator), generator)
        hole = _hole(generator)
        above = _garish(_square(textures[index % len(textures)], generator), generator)
        lq = truth + 0.9 * hole * (above.astype(float) - truth)
        pictures: dict[str, NDArray[Any]] = {
            'gt': truth, 'noise': noise, 'mask': 255 * hole, 'wm': above, 'lq': lq.round(),
        }  # fmt: skip
        for role, picture in pictures.items():
            (folder / role).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / role / f'{index:03d}.png'), picture.astype(np.uint8)[..., ::-1])


def _square(picture: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[Any]:
    """A square of a random place and size of a picture, with its channels."""
    side = int(min(picture.shape[:2]) * generator.uniform(0.15, 0.4))
    top, left = (int(generator.integers(length - side + 1)) for length in picture.shape[:2])
    return cv2.resize(picture[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def _garish(texture: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A grey texture between two strong colours, which a network can tell from photographs in a short training."""
    light, dark = generator.permutation([(255, 0, 255), (0, 255, 0), (255, 255, 0), (0, 0, 255)])[:2]
    grey = cv2.equalizeHist(texture)[..., None] / 255
    return (grey * light + (1 - grey) * dark).round().astype(np.uint8)


def _hole(generator: np.random.Generator) -> NDArray[np.uint8]:
    """(SIZE, SIZE, 1), 1 in some thick strokes."""
    hole = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(4):
        start, end = generator.integers(0, SIZE, (2, 2)).tolist()
        cv2.line(hole, start, end, 1, thickness=16)
    return hole[..., None]


# ------------------------------------------------------------------ the training, measured


def train_shortly(options: Options, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Run shortened options through `hcl-train` in an empty folder, which becomes the working directory."""
    monkeypatch.chdir(folder)
    for name in ('D', 'E'):  # VGG-16 and VGG-19
        monkeypatch.setitem(torchvision.models.vgg.cfgs, name, _narrow(torchvision.models.vgg.cfgs[name]))
    models: list[Any] = []
    before: list[Measured] = []
    batch = _measured_batch(options['datasets']['train'])
    build_model = basicsr.train.build_model

    def build_and_measure(opt: Options) -> Any:
        models.append(build_model(opt))
        before.append(measure(models[-1], batch))
        return models[-1]

    monkeypatch.setattr(basicsr.train, 'build_model', build_and_measure)
    option_file = folder / 'short.yml'
    option_file.write_text(yaml.safe_dump(options, sort_keys=False))
    start = time.process_time()
    run_pipeline(basicsr.train.train_pipeline, command='hcl-train', arguments=['-opt', str(option_file)])
    seconds = time.process_time() - start
    skipped = [file.read_text() for file in folder.rglob('skipped_steps.log')]
    return Trained(
        restores=restores(options),
        input_psnr=_psnr(batch['lq'], batch['gt']),
        before=before[0],
        after=measure(models[0], batch),
        log=_read_tensorboard(folder / 'tb_logger' / options['name']),
        skipped=sum(map(len, map(str.splitlines, skipped))),
        seconds=seconds,
    )


def measure(model: Any, batch: Mapping[str, Any]) -> Measured:
    """Restore the batch as validation does and compare it with the truth."""
    model.feed_data(batch)
    model.test()
    restored, output = model.output.float(), model.full_output
    has_mask = getattr(output, 'soft_mask', None) is not None
    extreme = [((image <= 1 / 255) | (image >= 254 / 255)).float().mean() for image in (restored, batch['gt'])]
    return Measured(
        psnr=_psnr(restored.clamp(0, 1), batch['gt']),
        auc=calculate_mask_auc(output.soft_mask.float().numpy(), batch['mask'].numpy()) if has_mask else 0.5,
        saturated=float(extreme[0] - extreme[1]),
        finite=bool(restored.isfinite().all()),
    )


def _measured_batch(train: Options) -> Options:
    """The training set's first pictures, corrupted as a validation set's."""
    of_training = ('batch_size_per_gpu', 'num_worker_per_gpu', 'dataset_enlarge_ratio', 'prefetch_mode')
    options = {key: value for key, value in train.items() if key not in of_training}
    if 'hole_share' in options:
        options['hole_share'] = MEASURED_HOLES
    dataset = build_dataset({**options, 'phase': 'val', 'max_samples': MEASURED})
    return default_collate([dataset[index] for index in range(len(dataset))])


def _psnr(image: torch.Tensor, truth: torch.Tensor) -> float:
    errors = (image - truth).square().mean(dim=(1, 2, 3)).clamp(min=1e-10)
    return float(-10 * errors.log10().mean())


def _read_tensorboard(folder: Path) -> dict[str, list[float]]:
    events = EventAccumulator(str(folder), size_guidance={'scalars': 0})
    events.Reload()
    return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()['scalars']}


def _narrow(layers: list[Any]) -> list[Any]:
    """A VGG's layers with an eighth of the width: the real one would take most of the time, and has random weights."""
    return [layer if layer == 'M' else layer // 8 for layer in layers]
