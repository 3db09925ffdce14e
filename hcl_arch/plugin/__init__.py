"""All that changes BasicSR; nothing else does."""
