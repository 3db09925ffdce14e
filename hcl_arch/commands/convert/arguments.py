"""Command `hcl-convert official.pt out.pth`: weights of the authors' program, for BasicSR or for `hcl-restore`.

Reads the sizes of the networks from the tensors, checks that every tensor has its place, writes {'params': ...} for the
network (and, with --discriminator, for the discriminator), and prints the lines of an option file that fit. What it
prints is YAML throughout: its remarks are comments. Optimizers and the step are not kept.

    hcl-convert official.pt hcl_places.pth --discriminator hcl_places_d.pth > lines.yml

A name that ends in .safetensors gives a file with the options inside, for `hcl-restore --model`.

    hcl-convert official.pt hcl_places.safetensors --config official.yml

The YAML file beside the authors' weights tells what no tensor does: the version, on which the upsampling hangs, and how
clusters are looked for. Without --config a remark says what was supposed.

    hcl-convert model_deraining.pth mprnet.pth --network MPRNet
    hcl-convert sirf.npz sirf.pth --network SIRF --vgg vgg19-dcbb9e9d.pth

--network takes the published weights of a network that the paper compares itself with. Those of SIRF and DHAN are
TensorFlow's: save their variables by their names in an .npz file, where TensorFlow is installed:

    reader = tf.train.load_checkpoint('checkpoint/model')
    np.savez('sirf.npz', **{name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.utils.command_line import CommandParser

BASELINES = ('MPRNet', 'SplitThenRefine', 'BVMR', 'BS2AM', 'DHAN', 'SIRF')
LEGACY_VERSIONS = (1, 2, 3, 4)
SUFFIXES = ('.pth', '.pt', '.safetensors')


def parse_arguments(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Arguments of the command; None: those of the program.

    Raises:
        SystemExit: With code 2 after one line on stderr for wrong arguments, 0 for --help and --version.
    """
    return make_parser().parse_args(argv)


def make_parser() -> CommandParser:
    """The parser of the command line."""
    parser = CommandParser(prog='hcl-convert', description=__doc__)
    parser.add_argument('checkpoint', type=Path, help="checkpoint of the authors' program")
    parser.add_argument(
        'out',
        type=Path,
        help=f'file to write: the network with its refiner and classifier; its name ends in {", ".join(SUFFIXES)}',
    )
    parser.add_argument('--discriminator', type=Path, metavar='OUT_D', help='file to write: the discriminator')
    parser.add_argument(
        '--config',
        type=Path,
        metavar='OFFICIAL.YML',
        help="the authors' YAML file for this checkpoint: legacy_v, conf_threshs, temperature, kmeans_n_iters and "
        'kmeans_repeat are read',
    )
    parser.add_argument(
        '--legacy-v',
        type=int,
        choices=LEGACY_VERSIONS,
        help="the authors' version, which the tensors do not tell: 4 = bilinear upsampling, convolution before GELU; "
        '3 = bilinear, GELU first; 1, 2 = nearest, convolution first (default: as --config or the file states, else 4)',
    )
    parser.add_argument(
        '--network', choices=BASELINES, help='the file holds the published weights of this network, not of HCL'
    )
    parser.add_argument(
        '--vgg', type=Path, metavar='FILE', help="for SIRF and DHAN, whose files hold no VGG-19: torchvision's"
    )
    parser.add_argument('--overwrite', action='store_true', help='replace files that exist')
    return parser
