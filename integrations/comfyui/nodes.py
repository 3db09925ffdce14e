"""The node. ComfyUI's images are (B, H, W, 3) float32 in [0, 1], its masks (B, H, W), 1 = selected: here, corrupted."""

from __future__ import annotations

import functools

import torch
from comfy_api.latest import io

from hcl_arch.model_files import list_models
from hcl_arch.restoration import Restorer
from hcl_arch.restoration.fillers import OPENCV, filler_files

MODELS_OWN, NOTHING = 'model', 'none (mask only)'
MOST_GROWN = 256


class HCLRepair(io.ComfyNode):
    """Find what is corrupted, without a mask drawn by hand, and repair it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        models = [entry.name for entry in list_models() if entry.problem is None]
        fillers = [MODELS_OWN, NOTHING, *OPENCV, *(file.name for file in filler_files())]
        return io.Schema(
            node_id='HCLRepair',
            display_name='Find and Repair Corruption (HCL)',
            category='image/inpainting',
            description='Finds what covers or spoils a photograph (bars, stickers, strokes, captions), and '
            'repairs it. The mask suits every other inpainting node.',
            inputs=[
                io.Image.Input('image'),
                io.Float.Input(
                    'threshold',
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip='Higher marks more. 0 takes what the model recommends.',
                ),
                io.Int.Input('grow', default=0, min=0, max=MOST_GROWN, tooltip='Pixels by which the mask is enlarged.'),
                io.Combo.Input('model', options=models, default='small' if 'small' in models else None),
                io.Combo.Input(
                    'filler',
                    options=fillers,
                    default=MODELS_OWN,
                    tooltip='What fills the holes: the model itself, nothing, OpenCV, or an inpainting network of '
                    'models/inpaint, such as big-lama.',
                ),
                io.Boolean.Input(
                    'repair_pixelated',
                    default=False,
                    tooltip='Otherwise what looks pixelated is in the mask, but not repaired: nobody can know what it '
                    'hides.',
                ),
            ],
            outputs=[
                io.Mask.Output(display_name='mask', tooltip='1 = corrupted'),
                io.Image.Output(display_name='image', tooltip='Unchanged outside the mask.'),
                io.Float.Output(
                    display_name='score', tooltip='From 0 to 1, how sure it is that anything is corrupted; the highest.'
                ),
            ],
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, threshold: float, grow: int, model: str, filler: str, repair_pixelated: bool = False
    ) -> io.NodeOutput:
        """Work on the images of a batch, one by one.

        Args:
            image: (B, H, W, 3) float32 in [0, 1].
            threshold: pixels with less confidence are corrupted; 0: as the model recommends.
            grow: pixels by which the mask is enlarged.
            model: a name of `hcl_arch.model_files.list_models`.
            filler: `MODELS_OWN`, `NOTHING`, or as of `hcl_arch.Restorer`.
            repair_pixelated: whether pixelated regions are repaired too, not only marked.

        Returns:
            Mask (B, H, W) float32, 1 = corrupted; images of the input's shape; the highest score.
        """
        restorer = _restorer(model, None if filler in (MODELS_OWN, NOTHING) else filler)
        options = {'threshold': threshold or None, 'grow': grow}
        masks, images, scores = [], [], []
        for each in image.detach().float().cpu().clamp(0, 1):
            if filler == NOTHING:
                found, restored = restorer.find(each.numpy(), **options), each
            else:
                found = restorer.restore(each.numpy(), repair_pixelated=repair_pixelated, **options)
                restored = torch.from_numpy(found.image)
            masks.append(torch.from_numpy(found.mask) > 0)
            images.append(restored)
            scores.append(found.score)
        return io.NodeOutput(torch.stack(masks).float(), torch.stack(images), max(scores))


@functools.lru_cache(maxsize=1)
def _restorer(model: str, filler: str | None) -> Restorer:
    """The last model, kept for the next run."""
    return Restorer(model, filler=filler)
