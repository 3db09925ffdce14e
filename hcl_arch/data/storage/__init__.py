"""Where images come from: folders and LMDB."""
