"""Checks of an option file before anything is built: `problems` runs them all, each other module checks one part."""
