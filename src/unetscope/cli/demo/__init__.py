"""The demonstration: a micrograph, a few strokes, and what is learned from them."""
