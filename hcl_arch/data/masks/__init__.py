"""Where in an image the corruption is put."""
