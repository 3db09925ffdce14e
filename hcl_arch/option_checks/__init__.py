"""Checks of an option file before anything is built: `problems` has them all, the other files one section each."""
