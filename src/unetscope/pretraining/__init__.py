"""How the bundled weights are made: simulated strokes, episodes, meta-training."""
