"""What a trained network finds: the scores of every test picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from basicsr.archs import build_network
from numpy.typing import NDArray
from torch import nn

from hcl_arch.metrics import calculate_corrupted_iou, calculate_mask_auc
from hcl_arch.utils.atomic_file import atomic_file

from .design import FAMILIES, Run, Settings, network_options
from .samples import Samples, final_samples, tuning_samples
from .training import weights_file

MEASURES: Mapping[str, str] = {
    'auc': 'AUC',
    'iou_half': 'IoU at 0.5',
    'iou_otsu': "IoU, Otsu's threshold",
    'iou_tuned': 'IoU, threshold best on seen kinds',
}
THRESHOLDS = np.arange(1, 100) / 100
_BATCH = 50


def scores_file(folder: Path, run: Run) -> Path:
    """What there is of a run that was trained and measured."""
    return folder / 'scores' / f'{run.name}.npz'


def measure(folder: Path, run: Run, settings: Settings) -> None:
    """Measure a trained network on all kinds and keep the scores, (kinds, images) of each measure."""
    net = _trained(folder, run, settings)
    tuning = {kind: samples for kind, samples in tuning_samples(folder).items() if kind in run.seen}
    threshold = best_threshold({kind: (confidences(net, samples), samples) for kind, samples in tuning.items()})
    rows = [
        scores(confidences(net, samples), samples.masks, threshold)
        for samples in final_samples(folder, settings.images).values()
    ]
    kept: dict[str, Any] = {name: np.stack([row[name] for row in rows]) for name in MEASURES}
    (folder / 'scores').mkdir(exist_ok=True)
    with atomic_file(scores_file(folder, run)) as file:
        np.savez(file, threshold=threshold, **kept)


def scores(found: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float) -> dict[str, NDArray[np.float64]]:
    """The measures of some pictures, each (N,); IoU is that of the corrupted region.

    Args:
        found: (N, H, W), confidences that pixels are uncorrupted.
        masks: (N, H, W), 1 = uncorrupted.
        threshold: the one that is best on seen kinds.
    """
    options: Mapping[str, Any] = {'iou_half': 0.5, 'iou_otsu': 'otsu', 'iou_tuned': threshold}
    pairs = list(zip(found, masks))
    values = {'auc': [calculate_mask_auc(*pair) for pair in pairs]}
    for name, option in options.items():
        values[name] = [calculate_corrupted_iou(*pair, threshold=option) for pair in pairs]
    return {name: np.array(column) for name, column in values.items()}


def best_threshold(seen: Mapping[str, tuple[NDArray[np.float32], Samples]]) -> float:
    """The threshold with the largest IoU, in the mean over pictures, kinds of a family, and families.

    Args:
        seen: by kind, confidences and the samples that they are of.
    """
    means = {kind: mean_ious(found, samples.masks) for kind, (found, samples) in seen.items()}
    families = [[means[kind] for kind in kinds if kind in means] for kinds in FAMILIES.values()]
    by_family = [np.mean(family, axis=0) for family in families if family]
    return float(THRESHOLDS[np.mean(by_family, axis=0).argmax()])


def mean_ious(found: NDArray[np.float32], masks: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The corrupted region's IoU at each of `THRESHOLDS`, in the mean over pictures."""
    return np.array([
        np.mean([calculate_corrupted_iou(*pair, threshold=threshold) for pair in zip(found, masks)])
        for threshold in THRESHOLDS
    ])  # fmt: skip


@torch.inference_mode()
def confidences(net: nn.Module, samples: Samples) -> NDArray[np.float32]:
    """What a network makes of samples, blind: (N, H, W), confidence that a pixel is uncorrupted."""
    images = torch.from_numpy(samples.images).float() / 255
    found = [net(batch, return_all=True, restore=False).soft_mask[:, 0] for batch in images.split(_BATCH)]
    return torch.cat(found).numpy()


def load_scores(folder: Path, runs: Sequence[Run]) -> dict[str, NDArray[np.float64]]:
    """Of each measure the scores of some runs, (runs, kinds, images)."""
    files = [np.load(scores_file(folder, run)) for run in runs]
    return {name: np.stack([file[name] for file in files]) for name in MEASURES}


def share_of_holes(folder: Path, settings: Settings) -> float:
    """Mean share of corrupted pixels over kinds of a family and families: the IoU of a guess that all is corrupted."""
    samples = final_samples(folder, settings.images)
    return float(np.mean([np.mean([1 - samples[kind].masks.mean() for kind in kinds]) for kinds in FAMILIES.values()]))


def _trained(folder: Path, run: Run, settings: Settings) -> nn.Module:
    net = build_network(network_options(run.arm, settings.encoder, in_use=True))
    state = torch.load(weights_file(folder, run), map_location='cpu', weights_only=True)
    net.load_state_dict(state['params'])
    return net.eval()
