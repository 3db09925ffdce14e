"""Models; importing this package registers them in BasicSR's MODEL_REGISTRY."""

from hcl_arch.models.hcl_model import HCLModel

__all__ = ['HCLModel']
