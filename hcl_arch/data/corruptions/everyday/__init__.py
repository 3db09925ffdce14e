"""Where the corruption of everyday life is made: one file a kind of spoiling."""
