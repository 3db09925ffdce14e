"""Detection and repair of corrupted pixels in photographs of any size."""

from __future__ import annotations

from hcl_arch.restoration.one_call import restore
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding

__all__ = ['Finding', 'Restoration', 'Restorer', 'restore']
