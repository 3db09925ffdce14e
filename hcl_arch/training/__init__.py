"""What makes a training reliable: order of its data, checkpoints, interruptions, bad images and bad numbers."""
