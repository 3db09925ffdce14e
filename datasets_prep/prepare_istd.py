"""Prepare ISTD (Wang, Li, Yang, CVPR 2018): photographs with a shadow, their masks, and the same without shadow.

    python datasets_prep/prepare_istd.py ISTD_Dataset datasets/istd

reads train/train_A (with shadow), train/train_B (masks), train/train_C (without shadow) and the same of test: 1330 and
540 triplets. Writes train_lq.lmdb, train_gt.lmdb, train_mask.lmdb and the same for test into datasets/istd, with the
short side reduced to 256 pixels, and prints the options of HCLPairedDataset that read them. A copy whose clean
photographs were corrected in colour keeps them in another folder: --gt-folder "{split}/<folder>". The source is left as
it is. A run that was ended is gone on with by the same command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hcl_arch.data.published_pairs_dataset import ISTD
from preparation import add_missing_argument, plain_errors
from preparation.pairs import add_paired_arguments, prepare_pairs

COUNTS = {'train': 1330, 'test': 540}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_paired_arguments(parser, ISTD)
    add_missing_argument(parser)
    arguments = parser.parse_args(argv)
    with plain_errors():
        prepare_pairs(ISTD, arguments, counts=COUNTS)


if __name__ == '__main__':
    main()
