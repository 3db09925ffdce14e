"""Prepare Raindrop (Qian et al., CVPR 2018): photographs through a wet and through a dry pane of glass.

    python datasets_prep/prepare_raindrop.py raindrop_data datasets/raindrop

reads train/data/0_rain.png, train/gt/0_clean.png and the same of test_a and test_b (there .jpg). Writes train_lq.lmdb,
train_gt.lmdb, train_mask.lmdb and the same for test_a and test_b into datasets/raindrop, with the short side reduced to
256 pixels, and prints the options of HCLPairedDataset that read them. There are no masks: they are derived from the
pairs at their full size, as HCLRaindropDataset describes, and are rough. The source is left as it is. A run that was
ended is gone on with by the same command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hcl_arch.data.published_pairs_dataset import RAINDROP
from preparation import add_missing_argument, plain_errors
from preparation.pairs import add_paired_arguments, prepare_pairs

COUNTS = {'train': 861, 'test_a': 58, 'test_b': 249}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_paired_arguments(parser, RAINDROP)
    add_missing_argument(parser)
    arguments = parser.parse_args(argv)
    with plain_errors():
        prepare_pairs(RAINDROP, arguments, counts=COUNTS)


if __name__ == '__main__':
    main()
