"""The metadata of an exported file."""

from __future__ import annotations

from hcl_arch.commands.export.parts import INTERFACES, Part
from hcl_arch.model_files import LoadedModel
from hcl_arch.utils.version import __version__

_GLOSSARY = (
    'image, restored: (batch, 3, height, width) RGB float32 in [0, 1]; mask: (batch, 1, height, width), '
    '1 = uncorrupted, 0 = corrupted; confidence: that a pixel is uncorrupted, in [0, 1]'
)
_NO_LICENCE = 'not stated by the model; that of the program is Apache-2.0'


def remarks(model: LoadedModel, part: Part, *, smallest_side: int) -> dict[str, str]:
    """Texts for the metadata.

    Args:
        model: The exported model.
        part: The exported part.
        smallest_side: Smallest side of the file's images, px.
    """
    interface = INTERFACES[part.name]
    texts = {
        'model': model.name,
        'description': str(model.info.get('description', '')),
        'licence': str(model.info.get('licence', _NO_LICENCE)),
        'part': part.name,
        'inputs': ', '.join(interface.inputs),
        'outputs': ', '.join(interface.outputs),
        'glossary': _GLOSSARY,
        'sizes': f'any height and width from {smallest_side} px up; the file itself pads to multiples of '
        f'{part.size_multiple} px and cuts back',
        'producer': f'hcl_arch {__version__}',
    }
    recommended = ('detect_side', 'threshold', 'min_score', 'feather')
    texts.update({key: str(model.info[key]) for key in recommended if key in model.info})
    return texts
