"""The U-Net, its folding, its model file and the catalogue of bundled weights. No Qt, no napari."""
