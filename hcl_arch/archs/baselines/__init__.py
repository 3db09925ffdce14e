"""Networks that the paper compares itself with; importing this package registers them in BasicSR's ARCH_REGISTRY."""
