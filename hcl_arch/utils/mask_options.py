"""How users say which pixels of a mask are corrupted; apart from `mask_reading`, so a command line needs no imports."""

from __future__ import annotations

from typing import Literal

MaskPolarity = Literal['auto', 'white', 'black']
MaskChannel = Literal['auto', 'colour', 'alpha']
# In place of a mask: what is erased in the photograph itself.
OWN_ALPHA = 'alpha'
