"""Data sets; importing this package registers them with BasicSR."""

from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.istd_dataset import HCLISTDDataset
from hcl_arch.data.logo30k_dataset import HCLLOGO30KDataset
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.raindrop_dataset import HCLRaindropDataset

__all__ = ['BlindCorruptionDataset', 'HCLISTDDataset', 'HCLLOGO30KDataset', 'HCLPairedDataset', 'HCLRaindropDataset']
