"""The paper's claim, settled in small: does contrast generalise better than segmentation to corruption never seen?

`run.py` is the command. Networks are trained without one of three families of corruption, with three losses, and
measured on all kinds. `verdict.py` has the criterion, which was written down before any run.
"""

import hcl_arch  # noqa: F401  (before BasicSR, which cannot be imported without its fixes)
