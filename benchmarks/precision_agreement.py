"""How far 16-bit inference is from float32: masks and restored images of a trained network, image by image.

    python benchmarks/precision_agreement.py -opt options/test_hcl_places.yml --weights net_g.pth [--images 50]

The option file is one for testing; its data sets and its network are taken. Everything is blind.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from tqdm import tqdm

from hcl_arch.archs import HCLNet
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.utils.option_file import read_option_file
from hcl_arch.utils.precision import Precision, autocast, lower_weights

PRECISIONS: tuple[Precision, ...] = ('bf16', 'fp16')


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-opt', type=Path, required=True, help='option file for testing')
    parser.add_argument('--weights', type=Path, required=True, help="the network's weights, as BasicSR saves them")
    parser.add_argument('--images', type=int, default=50, help='of each data set (50)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    arguments = parser.parse_args(argv)
    options = read_option_file(arguments.opt)
    nets = networks(options['network_g'], arguments.weights, arguments.device)
    print('| data set | precision | equal mask pixels: mean, least | PSNR minus that of float32, dB: mean, farthest |')
    print('|---|---|---|---|')
    for dataset_options in options['datasets'].values():
        dataset = BlindCorruptionDataset({**dataset_options, 'phase': 'val', 'max_samples': arguments.images})
        for precision, (equal, psnr) in compare(nets, dataset, arguments.device).items():
            print(
                f'| {dataset_options["name"]} | {precision} | {statistics.fmean(equal):.4f}, {min(equal):.4f} '
                f'| {statistics.fmean(psnr):+.4f}, {max(psnr, key=abs):+.4f} |'
            )


def networks(options: dict[str, Any], weights: Path, device: str) -> dict[Precision, HCLNet]:
    """The network in every precision."""
    kwargs = {key: value for key, value in options.items() if key != 'type'}
    net = HCLNet(**kwargs)
    net.load_state_dict(torch.load(weights, map_location='cpu', weights_only=True)['params'])
    net = net.eval().to(device)
    nets: dict[Precision, HCLNet] = {'fp32': net}
    for precision in PRECISIONS:
        nets[precision] = copy.deepcopy(net)
        lower_weights(nets[precision], precision)
    return nets


@torch.inference_mode()
def compare(
    nets: dict[Precision, HCLNet], dataset: BlindCorruptionDataset, device: str
) -> dict[Precision, tuple[list[float], list[float]]]:
    """For every 16-bit precision, the share of equal mask pixels and the difference in PSNR of each image."""
    found: dict[Precision, tuple[list[float], list[float]]] = {precision: ([], []) for precision in PRECISIONS}
    for index in tqdm(range(len(dataset)), unit='image', leave=False):
        sample = dataset[index]
        lq, truth = sample['lq'][None].to(device), sample['gt'][None].to(device)
        outputs = {}
        for precision, net in nets.items():
            with autocast(precision, device):
                outputs[precision] = net(lq, return_all=True)
        reference = outputs['fp32']
        for precision, (equal, psnr) in found.items():
            equal.append((outputs[precision].mask == reference.mask).float().mean().item())
            psnr.append(decibels(outputs[precision].restored, truth) - decibels(reference.restored, truth))
    return found


def decibels(image: torch.Tensor, truth: torch.Tensor) -> float:
    """PSNR of images in [0, 1], clipped as they are when saved."""
    return -10 * torch.log10((image.clamp(0, 1) - truth).square().mean()).item()


if __name__ == '__main__':
    main()
