"""The first panel's views of a project."""
