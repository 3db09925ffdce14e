"""Prepare LOGO30K (Cun, Pun, AAAI 2021): photographs with semi-transparent logos, their masks, and the clean ones.

    python datasets_prep/prepare_logo30k.py LOGO30K datasets/logo30k

reads 10kgray, 10khigh and 10kmid, each with train_images, train_masks, val_images and val_masks, and natural with the
clean photographs; the layout was written from the description of the publication and could not be compared with a
download: --kinds, --lq-folder, --gt-folder and --mask-folder change it. Writes train_lq.lmdb, train_gt.lmdb,
train_mask.lmdb and the same for val into datasets/logo30k, with the short side reduced to 256 pixels, and prints the
options of HCLPairedDataset that read them. A clean photograph is written once for each of its watermarked ones, under
the same key. With --watermarks the pictures of the logos alone, in train_wms and val_wms, become train_wm.lmdb and
val_wm.lmdb, for losses that compare them. The source is left as it is. A run that was ended is gone on with by the
same command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hcl_arch.data.published_pairs_dataset import LOGO30K
from preparation import plain_errors
from preparation.pairs import add_paired_arguments, prepare_pairs


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_paired_arguments(parser, LOGO30K)
    arguments = parser.parse_args(argv)
    with plain_errors():
        prepare_pairs(LOGO30K, arguments)


if __name__ == '__main__':
    main()
