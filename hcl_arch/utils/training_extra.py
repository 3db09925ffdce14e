"""BasicSR, on which all of training rests: a room imports this first, since completing BasicSR imports the room."""

from __future__ import annotations

from hcl_arch.utils.extras import of_extra

with of_extra('train', 'training with hcl_arch'):
    import basicsr  # noqa: F401
