"""What all rooms use: files, YAML, option errors, image headers and decoding, precision, random state."""
