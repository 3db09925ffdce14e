"""The coefficients of JPEG files: read, changed in some blocks, and written again without loss in the others.

Pillow and OpenCV decode to pixels and encode from them, which changes a little everywhere. Here only the entropy code
is undone, so that a block that is left alone keeps its numbers.
"""
