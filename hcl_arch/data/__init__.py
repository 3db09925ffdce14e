"""Data sets; importing this package registers them with BasicSR."""

from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset

__all__ = ['BlindCorruptionDataset']
