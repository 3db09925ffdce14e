"""What corrupts an image: the paper's kinds here, those of everyday life in `everyday`."""
