"""Data sets; importing this package registers them with BasicSR."""

from __future__ import annotations

import hcl_arch.utils.training_extra  # noqa: F401  (first: it imports BasicSR)
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.published_pairs_dataset import HCLISTDDataset, HCLLOGO30KDataset, HCLRaindropDataset

__all__ = ['BlindCorruptionDataset', 'HCLISTDDataset', 'HCLLOGO30KDataset', 'HCLPairedDataset', 'HCLRaindropDataset']
