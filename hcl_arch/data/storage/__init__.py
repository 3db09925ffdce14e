"""Sources of images: folders and LMDB."""
