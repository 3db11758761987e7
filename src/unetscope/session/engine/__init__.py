"""Jobs: what a request of the window makes the engine do."""
