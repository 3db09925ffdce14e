"""Photographs as files hold them: reading, writing, metadata."""
