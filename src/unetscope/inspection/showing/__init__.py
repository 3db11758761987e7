"""What a network holds and gives: maps, kernels, the arithmetic of one cell."""
