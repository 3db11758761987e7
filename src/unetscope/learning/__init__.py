"""Learning from strokes: features, the instant head, fine-tuning, prediction. No Qt, no napari."""
