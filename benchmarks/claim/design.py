"""The design: families of corruption, arms, encoders, and the options of each training."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

FAMILIES: Mapping[str, tuple[str, ...]] = {
    'flat': ('constant', 'noise'),
    'drawn': ('graffiti', 'text', 'watermark'),
    'pasted': ('patch', 'faces'),
}
KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)

_CONTRAST = {
    'contrastive_opt': {
        'type': 'HCLContrastiveLoss', 'loss_weight': 0.1, 'temperature': 0.1, 'max_pixels': 128,
        'max_representatives': 64,
    },
}  # fmt: skip
_PIXELS = {'mask_opt': {'loss_weight': 1.0}}


@dataclass(frozen=True)
class Arm:
    """What a network is trained with, and what its masks are made from.

    Attributes:
        title: for the table.
        network: options of the network.
        losses: options of `train:`.
    """

    title: str
    network: Mapping[str, Any]
    losses: Mapping[str, Any]


ARMS: Mapping[str, Arm] = {
    'P': Arm('pixels', {'mask_from': 'pixels'}, _PIXELS),
    'C': Arm(
        'contrast, clusters',
        {'mask_from': 'clusters', 'detach_classifier': True},
        {**_CONTRAST, 'classifier_opt': {'loss_weight': 1.0}},
    ),
    'B': Arm('both', {'mask_from': 'pixels'}, {**_PIXELS, **_CONTRAST}),
}

ENCODERS: Mapping[str, Mapping[str, Any]] = {
    'conv': {'encoder': 'conv', 'encoder_depths': [0, 1, 1], 'context_widths': [64, 96]},
    'timm': {'encoder': 'timm', 'backbone': 'tf_efficientnet_lite0', 'context_widths': [64, 96]},
}
_RATES: Mapping[str, Mapping[str, float]] = {'conv': {'lr': 2e-3}, 'timm': {'lr': 1.5e-3, 'lr_backbone': 7.5e-4}}
# How clusters are looked for in training and in use, as in the option files of the small comparison.
_CLUSTERING = {'kmeans_iters': 3, 'kmeans_repeats': 1}
_CLUSTERING_IN_USE = {'kmeans_iters': 10, 'kmeans_repeats': 3}
_WARM_UP = 100


@dataclass(frozen=True)
class Settings:
    """What all trainings of a run folder share.

    Attributes:
        samples: that a network learns from, rounded up to whole batches.
        batch: samples of an iteration.
        seeds: number of seeds.
        images: test photographs.
        encoder: a key of `ENCODERS`.
    """

    samples: int = 100_000
    batch: int = 16
    seeds: int = 3
    images: int = 300
    encoder: Literal['conv', 'timm'] = 'conv'

    @property
    def iterations(self) -> int:
        """Of a training."""
        return -(-self.samples // self.batch)

    def keep_in(self, folder: Path) -> None:
        """Write them into the run folder, or compare them with what stands there.

        Raises:
            ValueError: The folder is one of other settings.
        """
        file, text = folder / 'settings.json', json.dumps(asdict(self))
        if not file.is_file():
            file.write_text(text)
        elif (kept := file.read_text()) != text:
            raise ValueError(f'{folder} was begun with {kept}, and now: {text}. Give another folder, or the same.')


@dataclass(frozen=True)
class Run:
    """One training."""

    arm: str
    left_out: str
    """The family that it does not see."""
    seed: int

    @property
    def name(self) -> str:
        """Such as `C_pasted_0`."""
        return f'{self.arm}_{self.left_out}_{self.seed}'

    @property
    def seen(self) -> tuple[str, ...]:
        """The kinds that it sees."""
        return tuple(kind for family, kinds in FAMILIES.items() if family != self.left_out for kind in kinds)


def all_runs(seeds: int) -> list[Run]:
    """Seed by seed, so that a whole comparison is there as early as possible; the arms of a comparison together."""
    return [Run(arm, left_out, seed) for seed in range(seeds) for left_out in FAMILIES for arm in ARMS]


def corruption(kind: str, faces: str, weight: float = 1.0) -> Any:
    """An entry of the data set's option `corruptions`; faces are pasted as photographs are, from a folder of theirs."""
    return {'type': 'patch', 'dataroot': faces, 'weight': weight} if kind == 'faces' else weight


def network_options(arm: str, encoder: str, *, in_use: bool = False) -> dict[str, Any]:
    """The options `network_g` of an arm, with the clustering of training or of use."""
    clustering = _CLUSTERING_IN_USE if in_use else _CLUSTERING
    return {**_base()['network_g'], **ENCODERS[encoder], **clustering, **ARMS[arm].network}


def initial_file(run: Run) -> str:
    """The weights that a run starts from, in the run folder; see `training.initial_states`."""
    return f'initial/{run.seed}_{ARMS[run.arm].network["mask_from"]}.pth'


def training_options(run: Run, settings: Settings) -> dict[str, Any]:
    """The option file of a training.

    Of one left-out family and seed, the arms' files differ in name, weights to start from, network and losses alone:
    the samples follow from the data section and `manual_seed`. Every family that is seen gives as many samples.
    """
    options = _base()
    train, data, total = options['train'], options['datasets']['train'], settings.iterations
    weights = {kind: 1 / len(kinds) for kinds in FAMILIES.values() for kind in kinds}
    data['corruptions'] = {kind: corruption(kind, 'data/faces/learn', weights[kind]) for kind in run.seen}
    data['batch_size_per_gpu'] = settings.batch
    options['network_g'] = network_options(run.arm, settings.encoder)
    options['path']['pretrain_network_g'] = initial_file(run)
    train['optim_g'].update(_RATES[settings.encoder])
    train['scheduler']['periods'] = [total]
    train.update(total_iter=total, detector_iter=total, phase1_iter=total, warmup_iter=min(_WARM_UP, total // 10))
    train.update(copy.deepcopy(dict(ARMS[run.arm].losses)))
    return {'name': run.name, 'manual_seed': run.seed, **options}


def write_option_files(folder: Path, settings: Settings) -> None:
    """Write the option file of every run into the run folder, as `options/NAME.yml`; those that are there stay."""
    (folder / 'options').mkdir(exist_ok=True)
    for run in all_runs(settings.seeds):
        file = folder / 'options' / f'{run.name}.yml'
        if not file.is_file():
            file.write_text(yaml.safe_dump(training_options(run, settings), sort_keys=False))


def _base() -> dict[str, Any]:
    options: dict[str, Any] = yaml.safe_load((Path(__file__).parent / 'base.yml').read_text('utf-8'))
    return options
