"""Annotations of other programs, read and written: masks, ImageJ, COCO, QuPath, OME-Zarr."""
