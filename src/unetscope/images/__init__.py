"""Micrographs: pixels with named axes and sizes, reading, writing, normalising, synthesising."""
