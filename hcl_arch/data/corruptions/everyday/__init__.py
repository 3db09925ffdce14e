"""The everyday kinds of corruption: one module for each kind."""
