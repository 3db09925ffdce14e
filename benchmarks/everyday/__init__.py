"""The everyday benchmark: what a model finds, blind, on photographs corrupted as people meet it.

`run.py` is the command. The corruptions here share no code, fonts or drawings with those that models are trained on,
so that a figure says what a stranger's photograph may expect.
"""
