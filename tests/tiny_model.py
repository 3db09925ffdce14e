"""A model file that is made at once."""

from __future__ import annotations

from pathlib import Path


def write_tiny_model(path: Path) -> Path:
    """Write a tiny network of random weights; return the path."""
    import torch

    from hcl_arch.archs import HCLNet
    from hcl_arch.model_files import save_model

    torch.manual_seed(0)
    options = {
        'dim': 8,
        'dim_mults': [1, 2],
        'encoder_depths': [1, 1],
        'decoder_depths': [1, 1],
        'num_heads': [1, 2],
        'window_size': 4,
        'bottleneck_depth': 1,
        'bottleneck_window_size': 4,
        'proj_dim': 8,
        'conf_thresholds': [1.0, 0.95],
        'kmeans_iters': 1,
    }
    network = HCLNet(**options)
    info = {'description': 'random weights', 'detect_side': 64}
    save_model(path, {'type': 'HCLNet', **options}, network.state_dict(), info)
    return path
