"""Ideas of convolutional networks as experiments: one small file a lesson, on any image."""
