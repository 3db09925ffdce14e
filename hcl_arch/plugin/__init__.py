"""All changes to BasicSR; no other module changes it."""
