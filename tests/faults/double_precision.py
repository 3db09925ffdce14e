"""A training in which everything is computed in float64, by the code that is used in float32.

HCL decides (which cluster a pixel belongs to, which pixels a stage leaves to the next), so that two trainings which
differ in the last bit of float32 part within a few iterations. In float64 they stay together long enough to show that
they compute the same. Run as `hcl-train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

torch.set_default_dtype(torch.float64)
# What is float32 on purpose, also where the rest is lower, is float64 here.
torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]

from hcl_arch.models.hcl_model import MODEL_REGISTRY, HCLModel  # noqa: E402
from hcl_arch.train import main  # noqa: E402


@MODEL_REGISTRY.register()
class Float64HCLModel(HCLModel):
    """HCLModel fed with float64."""

    def feed_data(self, data: Mapping[str, Any]) -> None:
        super().feed_data({key: value.double() if torch.is_tensor(value) else value for key, value in data.items()})


if __name__ == '__main__':
    main()
