"""A project: a folder with images by reference, their labels, classes, models and history."""
