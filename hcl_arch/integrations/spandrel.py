"""Lets programs that load inpainting models with spandrel load ours: `register()`, then `spandrel.ModelLoader`.

spandrel sees the tensors of a file alone, and they do not say all that a network is built with. So a file is recognised
if its tensors have the names and shapes of a named model's, which is in the package or in the user's folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from safetensors import safe_open
from torch import Tensor, nn

from hcl_arch.archs.image_form import MIN_IMAGE_SIZE
from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files.description import from_metadata
from hcl_arch.model_files.listing import list_models
from hcl_arch.model_files.network import build_trained
from hcl_arch.model_files.safetensors_file import read_header
from hcl_arch.utils.extras import of_extra

with of_extra('fillers', 'hcl_arch.integrations.spandrel'):
    from spandrel import (
        MAIN_REGISTRY,
        Architecture,
        ArchRegistry,
        ArchSupport,
        MaskedImageModelDescriptor,
        SizeRequirements,
    )


def register(registry: ArchRegistry = MAIN_REGISTRY) -> None:
    """Let spandrel recognise our models; more than once does no harm.

    Args:
        registry: Of spandrel's architectures; those that are in it do not get to see a file that is ours.
    """
    before = tuple(support.architecture.id for support in registry)
    registry.add(ArchSupport.from_architecture(HCLArchitecture(), before), ignore_duplicates=True)


class HCLArchitecture(Architecture[nn.Module]):
    """The restorer of a model of ours: repaints by a mask, and runs no detector."""

    def __init__(self) -> None:
        super().__init__(id='hcl_arch', name='hcl_arch', detect=lambda state: _options_of(state) is not None)

    def load(self, state_dict: dict[str, Any]) -> MaskedImageModelDescriptor[nn.Module]:
        """Build the network.

        Args:
            state_dict: Tensors for which `detect` is true.

        Returns:
            What takes an image (1, 3, H, W) in [0, 1] and a mask (1, 1, H, W), 1 = to repaint as spandrel has it.
        """
        options = _options_of(state_dict)
        if options is None:
            raise ValueError('expected the tensors of a model of hcl-restore --list-models.')
        network = build_trained(options, state_dict)
        return MaskedImageModelDescriptor(
            network,
            network.state_dict(),
            architecture=self,
            purpose='Inpainting',
            tags=[],
            supports_half=False,
            supports_bfloat16=False,
            input_channels=3,
            output_channels=3,
            size_requirements=SizeRequirements(minimum=MIN_IMAGE_SIZE),
            call_fn=lambda network, image, mask: network.repair(image, 1 - mask),
        )


def _options_of(state: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """The options of the named model whose tensors have these names and shapes; None if there is none."""
    shapes = {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}
    for path in _files():
        with safe_open(path, 'pt') as file:
            if set(file.keys()) != set(shapes):
                continue
            if any(tuple(file.get_slice(name).get_shape()) != shape for name, shape in shapes.items()):
                continue
        options = from_metadata(path, read_header(path).metadata).network
        if hasattr(ARCHS.find(options['type']), 'repair'):
            return options
    return None


def _files() -> Iterator[Path]:
    for entry in list_models():
        if entry.problem is None:
            yield entry.path
        if entry.hides is not None:
            yield entry.hides
