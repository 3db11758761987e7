"""Experiments that lessons name; a file a family, each function registered by its name."""
