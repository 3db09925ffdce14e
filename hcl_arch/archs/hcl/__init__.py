"""The parts of HCL (paper, Sections 3.1 to 3.3)."""
