"""Blind inpainting in ComfyUI: a node that finds what is corrupted in an image, and repairs it."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .nodes import HCLRepair


class HCLExtension(ComfyExtension):
    """The nodes of this package."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """All of them."""
        return [HCLRepair]


async def comfy_entrypoint() -> HCLExtension:
    """What ComfyUI calls when it loads the folder."""
    return HCLExtension()
